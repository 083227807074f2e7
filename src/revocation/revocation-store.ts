import type { Did } from '../did/did.ts'
import type { Never, Timestamp } from '../time.ts'

/** A revocation found in a store. */
export interface RevocationRecord {
  /** What is revoked: the CID of a delegation or the DID of a principal, in the text that was asked for. */
  readonly id: string
  /**
   * Who revoked it: it counts in chains in which that principal issued the delegation, or one before it. Absent when the
   * operator of this service did, which counts everywhere.
   */
  readonly revoker?: Did
}

/** A revocation to store. */
export interface RevocationEntry {
  /**
   * The names of what is revoked: a delegation signed with ECDSA has two CIDs; or a DID, to end all its chains. CIDs are in
   * any of their spellings; those of `verifyRevocation` are in base32.
   */
  readonly ids: readonly string[]
  /** See {@link RevocationRecord}. */
  readonly revoker?: Did
  /** When it may be forgotten: the expiry of the revoked delegation, or `never`. */
  readonly expiration: Timestamp | Never
}

/** Where a service looks up revocations. The set only grows. */
export interface RevocationStore {
  /**
   * Looks up CIDs of delegations and DIDs of principals. A CID is asked for in lower-case base32 alone (`bafyrei…`, 59
   * characters), as `CID.toString()` of `multiformats` writes it; a custom store has to keep CIDs in that form.
   *
   * - Returns every revocation of any of them: a second one of the same id by another principal is one more.
   * - Returns none when it is certain that there is none.
   * - Rejects when that cannot be said; the call is refused then.
   */
  findRevocations(
    ids: readonly string[],
    options: { readonly signal?: AbortSignal | undefined },
  ): readonly RevocationRecord[] | Promise<readonly RevocationRecord[]>
}

/** A store that takes revocations in. Add only what `verifyRevocation` accepted, or what the operator decides. */
export interface RevocationRegistry extends RevocationStore {
  /** Resolves when the entry counts for every later look-up; rejects when it does not. Adding twice changes nothing. */
  add(entry: RevocationEntry): void | Promise<void>
}
