// node only: keeps delegations in files
/**
 * `procura/audit/ledger`: the ledger of delegations. It records the delegations that were made, seen and revoked, and
 * finds the authority of an agent at a moment.
 *
 * @module
 */

export { createLedger, type Ledger } from '../../audit/ledger/create-ledger.ts'
export type { DelegationArchive } from '../../audit/ledger/delegation-archive.ts'
export { fileArchive } from '../../audit/ledger/file-archive.ts'
export { type AuthorityReport, findAuthority } from '../../audit/ledger/find-authority.ts'
