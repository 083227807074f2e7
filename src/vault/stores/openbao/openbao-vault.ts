/**
 * Secrets that OpenBao stores or creates. HashiCorp Vault has the same API for this.
 *
 * @module
 */

import { ArgumentError, VaultError } from '../../../errors.ts'
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
import { type Clock, secondsOf, type Timestamp } from '../../../time.ts'
import { hostChecks, readPlaces, type VaultOptions } from '../../configuration.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import type { CredentialOptions } from '../../rules/credential-rules.ts'
import { parseEndpoint } from '../../rules/origin.ts'
import type { SecretSource } from '../../source.ts'
import { type DatabaseSecret, readDatabase } from './database-secret.ts'
import { createKvReader, type KvSecret } from './kv-secret.ts'
import { mountOf } from './login.ts'
import { createSession, type OpenBaoLogin } from './session.ts'

export { appRole, fixedToken, jwtLogin, wrappedAppRole } from './login.ts'
export type { OpenBaoLogin } from './session.ts'

type OpenBaoSecret = KvSecret | DatabaseSecret

/** A credential of {@link openbaoVault}: the secret, and the rules. */
export type OpenBaoCredential = CredentialOptions & OpenBaoSecret

/** Options of {@link openbaoSource}. */
export interface OpenBaoSourceOptions {
  /** For example `https://bao.example:8200`. */
  readonly address: string
  /** The namespace of the server. Default: the root namespace. */
  readonly namespace?: string
  readonly login: OpenBaoLogin
  /** The secrets by name. */
  readonly secrets: Readonly<Record<string, OpenBaoSecret>>
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** Options of {@link openbaoVault}. */
export interface OpenBaoVaultOptions extends VaultOptions, Omit<OpenBaoSourceOptions, 'secrets' | 'clock' | 'fetch'> {
  /** The credentials by name. */
  readonly credentials: Readonly<Record<string, OpenBaoCredential>>
  /** Retries and the circuit breaker, for a server that is slow or unavailable. */
  readonly resilience?: ResilienceOptions
}

/**
 * Makes a vault over an OpenBao server.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function openbaoVault(options: OpenBaoVaultOptions): RemoteVault {
  return remoteVault<ServerOptions, OpenBaoSecret>(options, {
    of: 'openbaoVault',
    serviceChecks: serverChecks,
    placeChecks,
    source: (server, secrets) => openbaoSource({ ...server, secrets }),
  })
}

/**
 * Makes a source over an OpenBao server: KV version 2 (`static`, with `replace`) and databases (`dynamic`).
 *
 * @throws ArgumentError when an option is invalid.
 */
export function openbaoSource(options: OpenBaoSourceOptions): SecretSource {
  const of = 'openbaoSource'
  const given = readOptions(of, options, { ...serverChecks, ...hostChecks, secrets: objectValue })
  const { namespace, login, clock, fetch } = given
  const address = parseEndpoint(given.address, (what) => new ArgumentError(`${of}: \`address\`: ${what}`))
  if (!address.pathname.endsWith('/')) address.pathname += '/'
  const session = createSession({ address, login, clock, fetch, ...(namespace !== undefined && { namespace }) })
  const secrets = readPlaces(of, given.secrets, readPlace)
  const now = (): Timestamp => secondsOf(clock)
  const kv = createKvReader(session, now)
  return {
    name: 'openbao',
    perCall: (reference) => secrets.get(reference)?.engine === 'database',
    async read(reference, { signal }) {
      const place = secrets.get(reference)
      if (place === undefined) return undefined
      if (place.engine === 'kv') return kv.read(reference, place, signal)
      return readDatabase(session, reference, place, now, signal)
    },
    async replace(reference, successor) {
      const place = secrets.get(reference)
      if (place?.engine !== 'kv' || place.field !== undefined || place.version !== undefined) {
        throw new VaultError(
          'ERR_VAULT_CONFIGURATION',
          'openbao replaces only whole KV secrets; leave out `field` and `version` of the credential',
        )
      }
      return kv.replace(reference, place, successor)
    },
  }
}

type ServerOptions = Pick<OpenBaoSourceOptions, 'address' | 'namespace' | 'login'>

const serverChecks: OptionChecks<ServerOptions> = Object.freeze({
  address: nonEmptyString,
  namespace: maybe(nonEmptyString),
  login: withMethod('logIn'),
})

const engine = oneOfStrings('kv', 'database')

/** The options of a secret depend on its engine. */
function placeChecks(place: OpenBaoSecret): OptionChecks<OpenBaoSecret> {
  const isDatabase = objectValue(place) === undefined && place.engine === 'database'
  const checks: Readonly<Record<string, OptionCheck>> = isDatabase
    ? { engine, mount: maybe(nonEmptyString), role: nonEmptyString }
    : {
        engine,
        mount: maybe(nonEmptyString),
        path: nonEmptyString,
        field: maybe(nonEmptyString),
        version: maybe(integerFrom(1)),
      }
  return checks as OptionChecks<OpenBaoSecret>
}

/** Reads the place of a secret. Names that lead to another path of the API are refused. */
function readPlace(given: OpenBaoSecret, of: string): OpenBaoSecret {
  const place = readOptions(of, given, placeChecks(given))
  const [option, name] = place.engine === 'kv' ? ['path', place.path] : ['role', place.role]
  if (!/^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$/.test(name) || name.endsWith('.')) {
    throw new ArgumentError(`${of}: \`${option}\` must be names separated by slashes, without dot segments`)
  }
  if (place.mount !== undefined) mountOf(place.mount, of)
  return place
}
