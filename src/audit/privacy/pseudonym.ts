import { ArgumentError } from '../../errors.ts'
import { encodeBase64url } from '../../ipld/base.ts'
import { arrayOf, callback, nonEmptyString, objectValue, readOptions } from '../../support/options.ts'
import type { AuditEvent } from '../events/event.ts'
import { hmacSha256, importSecretKey, type SecretKey, secretKeyCheck } from './hmac.ts'

/** Options of {@link createPseudonymizer}. */
export interface PseudonymizerOptions {
  /** The tenant's key. Whoever has it can tell whose pseudonym one is; when it is destroyed nobody can. */
  readonly key: SecretKey
  /** Name of the period, for example `2026-11`: letters, digits, `-` and `_`. Stands in each pseudonym. */
  readonly epoch: string
}

/** Gives the pseudonym of a DID. */
export type Pseudonymizer = (did: string) => Promise<string>

/**
 * Names principals in the log without telling who they are: `pseudonym:<epoch>:<HMAC-SHA-256>`. PRV-03
 *
 * Within a period the same DID has the same pseudonym, so that one can look into what somebody did; from one period to
 * the next they cannot be linked. The CIDs of a chain still lead to the tokens, for whoever has the tokens.
 */
export function createPseudonymizer(options: PseudonymizerOptions): Pseudonymizer {
  readOptions('pseudonymizer', options, { key: secretKeyCheck, epoch: nonEmptyString })
  const { key, epoch } = options
  if (!/^[A-Za-z0-9_-]{1,32}$/.test(epoch)) {
    throw new ArgumentError('pseudonymizer: `epoch` must be 1 to 32 letters, digits, `-` and `_`')
  }
  const usable = key instanceof Uint8Array ? importSecretKey(key) : Promise.resolve(key)
  // A bad key is told to whoever asks for a pseudonym; nobody has to for the process to go on.
  usable.catch(() => undefined)
  return async (did) => {
    const digest = await hmacSha256(await usable, `procura/audit-pseudonym@1\0${epoch}\0${did}`)
    return `pseudonym:${epoch}:${encodeBase64url(digest)}`
  }
}

/** Fields that name a principal, in any kind of event. */
const single = ['subject', 'invoker', 'audience', 'issuer', 'revoked'] as const

/**
 * A copy of an event with a pseudonym for each DID. What is no DID, the CID of a revoked delegation, stays.
 *
 * @throws ArgumentError when there is no event, or nothing that gives pseudonyms.
 */
export async function pseudonymizeEvent<E extends AuditEvent>(event: E, pseudonymize: Pseudonymizer): Promise<E> {
  readOptions('pseudonymizeEvent', { event, pseudonymize }, { event: objectValue, pseudonymize: callback })
  const copy: Record<string, unknown> = { ...event }
  for (const field of single) {
    const value = copy[field]
    if (typeof value === 'string' && value.startsWith('did:')) copy[field] = await pseudonymize(value)
  }
  const { principals } = copy
  if (Array.isArray(principals) && arrayOf(nonEmptyString)(principals) !== undefined) {
    throw new ArgumentError('pseudonymizeEvent: the `principals` of the event must be a list of DIDs')
  }
  if (Array.isArray(principals)) copy['principals'] = await Promise.all(principals.map(pseudonymize))
  return copy as unknown as E
}
