import { encodeBase64url } from '../../core/ipld/base.ts'
import { ArgumentError } from '../../errors.ts'
import { arrayOf, callback, nonEmptyString, objectValue, readOptions } from '../../support/options.ts'
import type { AuditEvent } from '../events/event.ts'
import { hmacSha256, importSecretKey, type SecretKey, secretKeyCheck } from './hmac.ts'

/** Options of {@link createPseudonymizer}. */
export interface PseudonymizerOptions {
  /** The key of the tenant. It links pseudonyms to DIDs; after it is destroyed, nobody can. */
  readonly key: SecretKey
  /** Name of the period, for example `2026-11`: letters, digits, `-` and `_`. It is a part of each pseudonym. */
  readonly epoch: string
}

/** Returns the pseudonym of a DID. */
export type Pseudonymizer = (did: string) => Promise<string>

/**
 * Makes pseudonyms for principals in the log: `pseudonym:<epoch>:<HMAC-SHA-256>`. PRV-03
 *
 * Within a period a DID has one pseudonym, so that its calls can be linked; pseudonyms of different periods cannot. The
 * CIDs of a chain still identify the tokens for a reader who has them.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function createPseudonymizer(options: PseudonymizerOptions): Pseudonymizer {
  const { key, epoch } = readOptions('createPseudonymizer', options, { key: secretKeyCheck, epoch: nonEmptyString })
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(epoch)) {
    throw new ArgumentError('createPseudonymizer: `epoch` must be 1 to 32 letters, digits, `-` and `_`')
  }
  const usable = key instanceof Uint8Array ? importSecretKey(key) : Promise.resolve(key)
  // Each request for a pseudonym rejects with the error of a bad key. Without a request it would be unhandled.
  usable.catch(() => undefined)
  return async (did) => {
    const digest = await hmacSha256(await usable, `procura/audit-pseudonym@1\0${epoch}\0${did}`)
    return `pseudonym:${epoch}:${encodeBase64url(digest)}`
  }
}

/** Fields that name a principal, in any kind of event. */
const single = ['subject', 'invoker', 'audience', 'issuer', 'revoked'] as const

/**
 * Returns a copy of an event with a pseudonym for each DID. Other identifiers, such as the CID of a revoked delegation,
 * do not change.
 *
 * @throws ArgumentError when `event` is not an object, or `pseudonymize` is not a function.
 */
export async function pseudonymizeEvent<E extends AuditEvent>(event: E, pseudonymize: Pseudonymizer): Promise<E> {
  readOptions('pseudonymizeEvent', { event, pseudonymize }, { event: objectValue, pseudonymize: callback })
  const copy: Record<string, unknown> = { ...event }
  for (const field of single) {
    const value = copy[field]
    if (typeof value === 'string' && value.startsWith('did:')) copy[field] = await pseudonymize(value)
  }
  for (const field of ['principals', 'approvers'] as const) {
    const list = copy[field]
    if (!Array.isArray(list)) continue
    if (arrayOf(nonEmptyString)(list) !== undefined)
      throw new ArgumentError(`pseudonymizeEvent: the \`${field}\` of the event must be a list of DIDs`)
    copy[field] = await Promise.all(list.map(pseudonymize))
  }
  return copy as unknown as E
}
