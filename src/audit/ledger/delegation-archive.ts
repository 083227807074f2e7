/** Keeps delegations by their CIDs. Nothing in it is changed or removed. */
export interface DelegationArchive {
  /**
   * Stores the bytes of a delegation under its CID, in base32. Resolves when they are durable. Storing it twice has no
   * effect.
   */
  put(cid: string, bytes: Uint8Array): Promise<void>
  /** Returns the bytes, or undefined when the archive lacks the delegation. Rejects when reading fails. */
  get(cid: string): Promise<Uint8Array | undefined>
}
