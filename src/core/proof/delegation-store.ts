/** A change of a {@link DelegationStore}. */
export interface DelegationChange {
  /** Delegations to add, by their CIDs as strings. One that is stored already is not added again. */
  readonly add: ReadonlyMap<string, Uint8Array>
  /** CIDs of delegations to remove. One that is not stored is ignored. */
  readonly remove: readonly string[]
}

/** Stores the delegations of an agent. Delegations are not secret, but they show the permissions of principals. */
export interface DelegationStore {
  /**
   * - Returns the bytes of all stored delegations, in any order.
   * - Rejects when it cannot find out.
   */
  load(options: { readonly signal?: AbortSignal | undefined }): readonly Uint8Array[] | Promise<readonly Uint8Array[]>
  /**
   * Applies a change as a whole: first it removes, then it adds. Changes of other processes are kept.
   *
   * - Resolves when the change lasts.
   * - Rejects when it was not applied; the store is then as before.
   */
  change(change: DelegationChange, options: { readonly signal?: AbortSignal | undefined }): void | Promise<void>
}
