import type { Never, Timestamp } from '../../time.ts'
import type { Did } from '../did/did.ts'

/** A revocation found in a store. */
export interface RevocationRecord {
  /** The CID of a delegation or the DID of a principal, spelled as in the query. */
  readonly id: string
  /**
   * The revoker. The revocation applies in chains in which that principal issued the delegation or an earlier one.
   * Absent when the operator of this service revoked it, which applies in all chains.
   */
  readonly revoker?: Did
}

/** A revocation to store. */
export interface RevocationEntry {
  /**
   * The CIDs of the delegation, of which one signed with ECDSA has two, or the DID of a principal, to end all its
   * chains. A CID may be in any of its spellings; `verifyRevocation` returns base32.
   */
  readonly ids: readonly string[]
  /** See {@link RevocationRecord}. */
  readonly revoker?: Did
  /** The time after which the entry may be removed: the expiry of the revoked delegation, or `never`. */
  readonly expiration: Timestamp | Never
  /**
   * The container that `verifyRevocation` accepted, at most 65,536 bytes or characters, so that others can verify it
   * again. Only stores with a journal keep it.
   */
  readonly token?: string | Uint8Array
}

/** How current the answers of a store are. */
export interface RevocationKnowledge {
  /** Seconds since the time of which the store has every revocation of its source. */
  readonly ageSeconds: number
  /**
   * Whether that is more than its operator considers current, and answered nevertheless because the operator allows it.
   */
  readonly stale: boolean
}

/** Looks up revocations. The set only grows. */
export interface RevocationStore {
  /**
   * Looks up CIDs of delegations and DIDs of principals. A CID in a query is always lower-case base32 (`bafyrei…`, 59
   * characters), as `CID.toString()` of `multiformats` writes it; a custom store has to keep CIDs in that form.
   *
   * - Returns, for a CID, the revocations by the operator and by each DID of the query, which contains every principal
   *   whose revocation can count. Two revocations of one id by two principals are two records.
   * - Returns, for a DID, its revocations by anybody.
   * - Returns an empty list when it is certain that there are no such revocations.
   * - Rejects when it cannot find out; the call is then refused.
   */
  findRevocations(
    ids: readonly string[],
    options: { readonly signal?: AbortSignal | undefined },
  ): readonly RevocationRecord[] | Promise<readonly RevocationRecord[]>
  /**
   * Returns how current the answers are, and undefined while that is not known. A guard records it. A store without
   * this method answers from its data of the present moment.
   */
  knowledge?(): RevocationKnowledge | undefined
}

/**
 * A store to which revocations can be added. Add only those that `verifyRevocation` accepted, or that the operator
 * decides.
 */
export interface RevocationRegistry extends RevocationStore {
  /** Resolves when every later look-up finds the entry, and rejects otherwise. Adding an entry twice has no effect. */
  add(entry: RevocationEntry, options?: AddRevocationOptions): void | Promise<void>
}

/** Options of {@link RevocationRegistry.add}. */
export interface AddRevocationOptions {
  /**
   * Whether the revoker is a delegate, and not the owner of the authority. A delegate can sign delegations and revoke
   * them without end, so a store with a maximum keeps some places for owners and operators. Default false.
   */
  readonly byDelegate?: boolean
}
