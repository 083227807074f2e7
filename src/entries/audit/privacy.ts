/**
 * `procura/audit/privacy`: personal data in an audit log. Pseudonyms instead of DIDs, salted hashes of arguments, and
 * fields that are erased by destroying their key.
 *
 * @module
 */

export { discloseArguments } from '../../audit/privacy/disclose-arguments.ts'
export { argumentSalt, hashArguments } from '../../audit/privacy/hash-arguments.ts'
export { importSecretKey } from '../../audit/privacy/hmac.ts'
export { openPersonal, sealPersonal } from '../../audit/privacy/personal.ts'
export type { SealedFields } from '../../audit/events/event.ts'
export {
  generatePersonalKey,
  type MemoryPersonalKeyStore,
  memoryPersonalKeyStore,
  type PersonalKeyStore,
} from '../../audit/privacy/personal-key-store.ts'
export { createPseudonymizer, type Pseudonymizer, pseudonymizeEvent } from '../../audit/privacy/pseudonym.ts'
export type { WebCryptoKey } from '../../support/web-crypto-key.ts'
