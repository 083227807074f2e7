import type { ReadyPolicy } from '../../capability/policy/ready-policy.ts'
import type { DelegationFields } from '../../delegation/delegation.ts'
import type { TextReaders } from '../../envelope/fields.ts'
import type { TextCache } from '../../ipld/text-cache.ts'
import type { ChainLink, SignedBytes } from '../chain.ts'
import type { PolicyPool } from '../machinery/policy-pool.ts'
import type { VerificationSettings } from '../settings.ts'

/** The settings on which reading a token depends. */
export type ReadingSettings = Pick<VerificationSettings, 'accept' | 'acceptRedundantFields' | 'backend' | 'limits'>

/** The caches that a reader uses. */
export interface TokenCaches extends TextReaders {
  readonly texts: TextCache
  readonly policies: PolicyPool
}

/** The fields of a delegation that a chain needs. */
export type LinkFields = Pick<
  DelegationFields,
  'issuer' | 'audience' | 'subject' | 'command' | 'notBefore' | 'expiration'
> & { readonly policy: ReadyPolicy }

/** A delegation of the usual form. */
export interface UsualDelegation {
  readonly envelope: SignedBytes
  readonly fields: LinkFields
}

/**
 * Reads a token if it is of the kind `T` and has the form that most such tokens have. Returns undefined for every other
 * token, also for a malformed one: the general reader reads it then, and makes the error.
 *
 * @param bytes - memory of our own, which nothing changes.
 */
export type ReadUsual<T> = (bytes: Uint8Array, settings: ReadingSettings, caches: TokenCaches) => T | undefined

/**
 * Reads the link of a delegation like {@link ReadUsual}. One with limits is left to the general reader.
 *
 * @param key - the `digestKey` of the bytes.
 */
export type ReadUsualLink = (
  bytes: Uint8Array,
  key: string,
  settings: ReadingSettings,
  caches: TokenCaches,
) => ChainLink | undefined
