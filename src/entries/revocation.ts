/**
 * `procura/revocation`: revoking delegations, and verifying revocations.
 *
 * @module
 */

export {
  type RevocationVerdict,
  type VerifyRevocationOptions,
  verifyRevocation,
} from '../authorization/verify-revocation.ts'
export type { ProofLike } from '../invocation/invoke.ts'
export { readRevocationEntry } from '../revocation/revocation-entry.ts'
export type { JournalEntry, JournalPage, ListOptions, RevocationJournal } from '../revocation/revocation-journal.ts'
export type {
  AddRevocationOptions,
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../revocation/revocation-store.ts'
export { type RevokeOptions, revoke } from '../revocation/revoke.ts'
