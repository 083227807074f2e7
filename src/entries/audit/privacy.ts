/**
 * `procura/audit/privacy`: personal data in an audit log. Pseudonyms instead of DIDs, salted hashes of arguments, and
 * fields that are erased by destroying their key.
 *
 * @module
 */

export { argumentSalt, hashArguments } from '../../audit/privacy/hash-arguments.ts'
export { openPersonal } from '../../audit/privacy/personal.ts'
export {
  type MemoryPersonalKeyStore,
  memoryPersonalKeyStore,
  type PersonalKeyStore,
} from '../../audit/privacy/personal-key-store.ts'
export { createPseudonymizer, type Pseudonymizer } from '../../audit/privacy/pseudonym.ts'
