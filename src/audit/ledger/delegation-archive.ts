/** Keeps delegations by their CIDs. Nothing in it is changed or removed. */
export interface DelegationArchive {
  /** Stores the bytes of a delegation under its CID, in base32. Resolves when they are durable. Twice has no effect. */
  put(cid: string, bytes: Uint8Array): Promise<void>
  /** Returns the bytes; undefined when there are none. Rejects when that is not known. */
  get(cid: string): Promise<Uint8Array | undefined>
}
