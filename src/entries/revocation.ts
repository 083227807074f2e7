/**
 * `procura/revocation`: revoking delegations, and verifying revocations.
 *
 * @module
 */

export { type RevocationVerdict, verifyRevocation } from '../core/authorization/verify-revocation.ts'
export { readRevocationEntry } from '../core/revocation/revocation-entry.ts'
export type { RevocationJournal } from '../core/revocation/revocation-journal.ts'
export type {
  RevocationEntry,
  RevocationRecord,
  RevocationRegistry,
  RevocationStore,
} from '../core/revocation/revocation-store.ts'
export { revoke } from '../core/revocation/revoke.ts'
