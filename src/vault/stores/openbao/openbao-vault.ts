/**
 * Secrets kept or made by OpenBao, or HashiCorp Vault, whose API is the same here.
 *
 * @module
 */

import { ArgumentError, VaultError } from '../../../errors.ts'
import { encodeHex } from '../../../ipld/base.ts'
import { sha256Bytes } from '../../../support/digest.ts'
import {
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
  withMethod,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, systemClock, type Timestamp } from '../../../time.ts'
import { mapEntries, pick, vaultChecks } from '../../configuration.ts'
import type { VaultOptions } from '../../create-vault.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import { type CredentialOptions, ruleChecks } from '../../rules/credential-rules.ts'
import { parseEndpoint } from '../../rules/origin.ts'
import { Secret } from '../../secret.ts'
import type { ReadOptions, SecretReading, SecretSource } from '../../source.ts'
import { asObject } from '../http-backend.ts'
import { mountOf, type OpenBaoLogin } from './login.ts'
import { createSession, type Session } from './session.ts'

export {
  type AppRoleParameters,
  appRole,
  fixedToken,
  type JwtLoginParameters,
  jwtLogin,
  type OpenBaoLogin,
  type WrappedAppRoleParameters,
  wrappedAppRole,
} from './login.ts'

/** A secret of the KV engine, version 2. */
export interface KvSecret {
  readonly engine: 'kv'
  /** Where the engine is mounted. Default `secret`. */
  readonly mount?: string
  readonly path: string
  /** The key of the secret's data that is the secret; without it all of them are its fields. */
  readonly field?: string
  /** Default: the newest. */
  readonly version?: number
}

/** Credentials that the database engine makes for one call, and drops after it. */
export interface DatabaseSecret {
  readonly engine: 'database'
  /** Where the engine is mounted. Default `database`. */
  readonly mount?: string
  readonly role: string
}

/** A credential of {@link openbaoVault}: where its secret is, and the rules of its use. */
export type OpenBaoCredential = CredentialOptions & (KvSecret | DatabaseSecret)

/** Options of {@link openbaoSource}. */
export interface OpenBaoSourceOptions {
  /** For example `https://bao.example:8200`. */
  readonly address: string
  /** Default: none. */
  readonly namespace?: string
  readonly login: OpenBaoLogin
  /** Secrets by name. */
  readonly secrets: Readonly<Record<string, KvSecret | DatabaseSecret>>
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** Options of {@link openbaoVault}. */
export interface OpenBaoVaultOptions extends VaultOptions, Omit<OpenBaoSourceOptions, 'secrets' | 'clock' | 'fetch'> {
  /** Credentials by name. */
  readonly credentials: Readonly<Record<string, OpenBaoCredential>>
  /** What is done when the server is slow or away. */
  readonly resilience?: ResilienceOptions
}

/**
 * A vault over an OpenBao server.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function openbaoVault(options: OpenBaoVaultOptions): RemoteVault {
  const { address, namespace, login, credentials, ...settings } = readOptions('openbao vault', options, {
    ...vaultChecks,
    ...serverChecks,
    credentials: objectValue,
    resilience: maybe(objectValue),
  })
  const { clock, fetch } = settings
  const given = mapEntries(credentials, (credential, name) =>
    readOptions<OpenBaoCredential>(`openbao: credential ${quote(name)}`, credential, {
      ...ruleChecks,
      ...placeChecks(credential),
    }),
  )
  const source = openbaoSource({
    address,
    login,
    secrets: mapEntries(given, (credential) => pick<KvSecret | DatabaseSecret>(credential, placeChecks(credential))),
    ...(namespace !== undefined && { namespace }),
    ...(clock !== undefined && { clock }),
    ...(fetch !== undefined && { fetch }),
  })
  const rules = mapEntries(given, (credential) => pick<CredentialOptions>(credential, ruleChecks))
  return remoteVault({ ...settings, source, credentials: rules })
}

/**
 * A source of secrets of an OpenBao server: KV version 2 (`static`, with `replace`) and databases (`dynamic`).
 *
 * @throws ArgumentError when an option is invalid.
 */
export function openbaoSource(options: OpenBaoSourceOptions): SecretSource {
  const given = readOptions('openbao', options, {
    ...serverChecks,
    secrets: objectValue,
    clock: vaultChecks.clock,
    fetch: vaultChecks.fetch,
  })
  const clock = given.clock ?? systemClock
  const address = parseEndpoint(given.address, (what) => new ArgumentError(`openbao: \`address\`: ${what}`))
  if (!address.pathname.endsWith('/')) address.pathname += '/'
  const { namespace, login } = given
  const session = createSession({
    address,
    login,
    clock,
    fetch: given.fetch ?? ((input, init) => fetch(input, init)),
    ...(namespace !== undefined && { namespace }),
  })
  const secrets = new Map(Object.entries(given.secrets).map(([name, place]) => [name, checked(name, place)]))
  /** The newest version that was read or stored, by name. */
  const newest = new Map<string, KvVersion>()
  const now = (): Timestamp => Math.floor(clock.now())

  return {
    name: 'openbao',
    perCall: (reference) => secrets.get(reference)?.engine === 'database',
    async read(reference, readOptions) {
      const place = secrets.get(reference)
      if (place === undefined) return undefined
      return place.engine === 'kv'
        ? readKv(session, reference, place, readOptions, newest, now)
        : readDatabase(session, reference, place, readOptions, now)
    },
    async replace(reference, { secret, expectedVersion, signal }) {
      const place = secrets.get(reference)
      if (place?.engine !== 'kv' || place.field !== undefined || place.version !== undefined) {
        throw new VaultError('ERR_VAULT_CONFIGURATION', 'only a whole KV secret of no fixed version can be replaced')
      }
      const data = Object.fromEntries(secret.fieldNames().map((name) => [name, secret.revealField(name)]))
      // The server refuses unless this is the version that it has (check and set)
      const body = { options: { cas: Number(expectedVersion) }, data }
      const answer = await session.call({ method: 'POST', path: kvPath(place), body, signal })
      const metadata = asObject(answer?.get('data'))
      const version = metadata?.get('version')
      if (typeof version !== 'number')
        throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao did not confirm the new version')
      remember(newest, reference, { version, created: createdOf(metadata) })
      return String(version)
    },
  }
}

async function readKv(
  session: Session,
  reference: string,
  place: KvSecret,
  { signal }: ReadOptions,
  newest: Map<string, KvVersion>,
  now: () => Timestamp,
): Promise<SecretReading | undefined> {
  const query = place.version === undefined ? {} : { version: String(place.version) }
  // The answer can be overtaken by one that was asked for later: it is compared with what was seen before.
  const seen = newest.get(reference)
  const answer = await session.call({ method: 'GET', path: kvPath(place), query, signal })
  const outer = asObject(answer?.get('data'))
  if (answer === undefined) return undefined
  const data = asObject(outer?.get('data'))
  const metadata = asObject(outer?.get('metadata'))
  const version = metadata?.get('version')
  if (data === undefined || typeof version !== 'number')
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao did not answer with a KV secret')
  if (metadata?.get('destroyed') !== false || metadata.get('deletion_time') !== '') {
    throw new VaultError('ERR_VAULT_REVOKED', 'the secret was deleted in openbao')
  }
  const found = { version, created: createdOf(metadata) }
  // VLT-37: an answer of another item, of a replica that lags, or out of a cache
  if (place.version === undefined ? isBefore(found, seen) : version !== place.version) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao answered with another version than the one asked for')
  }
  remember(newest, reference, found)
  return {
    reference,
    secret: kvSecret(data, place.field),
    version: String(version),
    kind: 'static',
    downscoped: false,
    readAt: now(),
  }
}

/** A version of a KV secret. */
interface KvVersion {
  readonly version: number
  /** When the server wrote it, in milliseconds; not a number when it does not say. */
  readonly created: number
}

/** Numbers begin anew when a secret is deleted with its metadata and made again; it was written later then. */
function isBefore(found: KvVersion, seen: KvVersion | undefined): boolean {
  return seen !== undefined && found.version < seen.version && !(found.created > seen.created)
}

function remember(newest: Map<string, KvVersion>, reference: string, found: KvVersion): void {
  if (!isBefore(found, newest.get(reference))) newest.set(reference, found)
}

function createdOf(metadata: ReadonlyMap<string, unknown> | undefined): number {
  return Date.parse(String(metadata?.get('created_time')))
}

async function readDatabase(
  session: Session,
  reference: string,
  place: DatabaseSecret,
  { signal }: ReadOptions,
  now: () => Timestamp,
): Promise<SecretReading | undefined> {
  const path = `${place.mount ?? 'database'}/creds/${place.role}`
  const asked = now()
  const answer = await session.call({ method: 'GET', path, signal })
  if (answer === undefined) return undefined
  const data = asObject(answer.get('data'))
  const username = data?.get('username')
  const password = data?.get('password')
  const lease = answer.get('lease_id')
  const seconds = answer.get('lease_duration')
  if (
    typeof username !== 'string' ||
    typeof password !== 'string' ||
    typeof lease !== 'string' ||
    typeof seconds !== 'number'
  ) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao did not answer with database credentials')
  }
  const revoke = async (options: { readonly signal?: AbortSignal | undefined }): Promise<void> => {
    const body = { lease_id: lease, sync: true }
    await session.call({ method: 'POST', path: 'sys/leases/revoke', body, ...options })
  }
  // VLT-37
  if (!lease.startsWith(`${path}/`)) {
    await revoke({}).catch(() => undefined)
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'openbao answered with credentials of another role than the one asked for',
    )
  }
  return {
    reference,
    secret: Secret.ofFields({ username, password }),
    // The name of the user is half of the secret; the lease is what an operator can look up.
    version: encodeHex(await sha256Bytes(new TextEncoder().encode(lease))).slice(0, 16),
    kind: 'dynamic',
    downscoped: false,
    readAt: asked,
    expiresAt: asked + Math.floor(seconds),
    revoke,
  }
}

function kvSecret(data: ReadonlyMap<string, unknown>, field: string | undefined): Secret {
  if (field !== undefined) {
    const value = data.get(field)
    if (typeof value !== 'string' || value === '')
      throw new VaultError(
        'ERR_VAULT_INTEGRITY',
        'the KV secret has no non-empty string in the `field` of the credential',
      )
    return new Secret(value)
  }
  const texts = [...data].filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  if (texts.length !== data.size)
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the KV secret has no fields, or some that are not text')
  return Secret.ofFields(Object.fromEntries(texts))
}

function kvPath({ mount = 'secret', path }: KvSecret): string {
  return `${mount}/data/${path}`
}

const serverChecks: OptionChecks<Pick<OpenBaoSourceOptions, 'address' | 'namespace' | 'login'>> = Object.freeze({
  address: nonEmptyString,
  namespace: maybe(nonEmptyString),
  login: withMethod('logIn'),
})

const engine = oneOfStrings('kv', 'database')

/** What is told of a secret depends on the engine that has it. */
function placeChecks(place: KvSecret | DatabaseSecret): OptionChecks<KvSecret | DatabaseSecret> {
  const forms: Readonly<Record<string, OptionCheck>> =
    objectValue(place) === undefined && place.engine === 'database'
      ? { engine, mount: maybe(nonEmptyString), role: nonEmptyString }
      : {
          engine,
          mount: maybe(nonEmptyString),
          path: nonEmptyString,
          field: maybe(nonEmptyString),
          version: maybe(integerFrom(1)),
        }
  return forms as OptionChecks<KvSecret | DatabaseSecret>
}

/** Refuses names that would lead to another path of the API. */
function checked(reference: string, given: KvSecret | DatabaseSecret): KvSecret | DatabaseSecret {
  const place = readOptions(`openbao: credential ${quote(reference)}`, given, placeChecks(given))
  const name = place.engine === 'kv' ? place.path : place.role
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$/.test(name) || name.endsWith('.')) {
    throw new ArgumentError(
      `credential ${quote(reference)}: \`${place.engine === 'kv' ? 'path' : 'role'}\` is not a path of names, with slashes between`,
    )
  }
  if (place.mount !== undefined) mountOf(place.mount)
  return place
}
