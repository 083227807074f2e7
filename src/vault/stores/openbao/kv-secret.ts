import { VaultError } from '../../../errors.ts'
import type { Timestamp } from '../../../time.ts'
import { Secret } from '../../secret.ts'
import type { SecretReading, SecretSource } from '../../source.ts'
import { asObject } from '../http-backend.ts'
import type { Session } from './session.ts'

/** A secret of the KV engine, version 2. */
export interface KvSecret {
  readonly engine: 'kv'
  /** The mount path of the engine. Default `secret`. */
  readonly mount?: string
  readonly path: string
  /** The field of the KV secret to use. Default: all fields. */
  readonly field?: string
  /** Default: the newest version. */
  readonly version?: number
}

/** Reads and replaces secrets of the KV engine. */
export interface KvReader {
  read(reference: string, place: KvSecret, signal: AbortSignal | undefined): Promise<SecretReading | undefined>
  replace(reference: string, place: KvSecret, successor: Successor): Promise<string>
}

type Successor = Parameters<NonNullable<SecretSource['replace']>>[1]

/** Makes a reader. It remembers the newest version of each secret, so that an older one is not accepted later. */
export function createKvReader(session: Session, now: () => Timestamp): KvReader {
  const newest = new Map<string, KvVersion>()
  return {
    read: (reference, place, signal) => readKv(session, reference, place, newest, now, signal),
    replace: (reference, place, successor) => replaceKv(session, reference, place, newest, successor),
  }
}

async function readKv(
  session: Session,
  reference: string,
  place: KvSecret,
  newest: Map<string, KvVersion>,
  now: () => Timestamp,
  signal: AbortSignal | undefined,
): Promise<SecretReading | undefined> {
  const query = place.version === undefined ? {} : { version: String(place.version) }
  // A later request can be answered earlier, so compare the response with the newest version before its request.
  const seen = newest.get(reference)
  const answer = await session.call({ method: 'GET', path: kvPath(place), query, signal })
  const outer = asObject(answer?.get('data'))
  if (answer === undefined) return undefined
  const data = asObject(outer?.get('data'))
  const metadata = asObject(outer?.get('metadata'))
  const version = metadata?.get('version')
  if (data === undefined || typeof version !== 'number')
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao returned no KV secret')
  if (metadata?.get('destroyed') !== false || metadata.get('deletion_time') !== '') {
    throw new VaultError('ERR_VAULT_REVOKED', 'the secret was deleted in openbao')
  }
  const found = { version, created: createdOf(metadata) }
  // VLT-37: such a response can come from a cache, or from a replica that is behind.
  if (place.version === undefined ? isBefore(found, seen) : version !== place.version) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao returned a version other than the requested one')
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
  /** When the server wrote it, in milliseconds; NaN when the server does not report it. */
  readonly created: number
}

/**
 * Whether a version is older. Numbers restart when a secret is deleted with its metadata and created again; the new
 * secret was then written later.
 */
function isBefore(found: KvVersion, seen: KvVersion | undefined): boolean {
  return seen !== undefined && found.version < seen.version && !(found.created > seen.created)
}

function remember(newest: Map<string, KvVersion>, reference: string, found: KvVersion): void {
  if (!isBefore(found, newest.get(reference))) newest.set(reference, found)
}

function createdOf(metadata: ReadonlyMap<string, unknown> | undefined): number {
  return Date.parse(String(metadata?.get('created_time')))
}

async function replaceKv(
  session: Session,
  reference: string,
  place: KvSecret,
  newest: Map<string, KvVersion>,
  { secret, expectedVersion, signal }: Successor,
): Promise<string> {
  const data = Object.fromEntries(secret.fieldNames().map((name) => [name, secret.revealField(name)]))
  // Check and set: the server refuses unless this is its version.
  const body = { options: { cas: Number(expectedVersion) }, data }
  const answer = await session.call({ method: 'POST', path: kvPath(place), body, signal })
  const metadata = asObject(answer?.get('data'))
  const version = metadata?.get('version')
  if (typeof version !== 'number')
    throw new VaultError('ERR_VAULT_INTEGRITY', 'openbao did not confirm the new version')
  remember(newest, reference, { version, created: createdOf(metadata) })
  return String(version)
}

function kvSecret(data: ReadonlyMap<string, unknown>, field: string | undefined): Secret {
  if (field !== undefined) {
    const value = data.get(field)
    if (typeof value !== 'string' || value === '')
      throw new VaultError(
        'ERR_VAULT_INTEGRITY',
        'the `field` of the credential is missing in the KV secret, or is not a non-empty string',
      )
    return new Secret(value)
  }
  const texts = [...data].filter((entry): entry is [string, string] => typeof entry[1] === 'string')
  if (texts.length !== data.size)
    throw new VaultError('ERR_VAULT_INTEGRITY', 'the KV secret has a field that is not a string; name one with `field`')
  return Secret.ofFields(Object.fromEntries(texts))
}

function kvPath({ mount = 'secret', path }: KvSecret): string {
  return `${mount}/data/${path}`
}
