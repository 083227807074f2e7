/**
 * `procura/revocation`: revoking delegations, and verifying revocations.
 *
 * @module
 */

export {
  type RevocationVerdict,
  type VerifyRevocationOptions,
  verifyRevocation,
} from '../core/authorization/verify-revocation.ts'
export type { ProofLike } from '../core/invocation/invoke.ts'
export { readRevocationEntry } from '../core/revocation/revocation-entry.ts'
export type {
  JournalEntry,
  JournalPage,
  ListOptions,
  RevocationJournal,
} from '../core/revocation/revocation-journal.ts'
export type {
  AddRevocationOptions,
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../core/revocation/revocation-store.ts'
export { type RevokeOptions, revoke } from '../core/revocation/revoke.ts'
