import type { Delegation } from '../delegation/delegation.ts'
import { ArgumentError, StoreFullError } from '../errors.ts'
import { integerFrom, readOptions, withDefault } from '../support/options.ts'

/** A change of a {@link DelegationStore}. */
export interface DelegationChange {
  /** Delegations to add, by their CIDs as strings. One that is stored already is not added again. */
  readonly add: ReadonlyMap<string, Uint8Array>
  /** CIDs of delegations to remove. One that is not stored is ignored. */
  readonly remove: readonly string[]
}

/** Stores the delegations of an agent. Delegations are not secret, but they show who may do what. */
export interface DelegationStore {
  /**
   * - Returns the bytes of all stored delegations, in any order.
   * - Rejects when it cannot find out.
   */
  load(options: { readonly signal?: AbortSignal | undefined }): readonly Uint8Array[] | Promise<readonly Uint8Array[]>
  /**
   * Applies a change as a whole. Changes of other processes are kept.
   *
   * - Resolves when the change lasts.
   * - Rejects when it was not applied; the store is then as before.
   */
  change(change: DelegationChange, options: { readonly signal?: AbortSignal | undefined }): void | Promise<void>
}

/** Options of {@link memoryDelegationStore}. */
export interface MemoryDelegationStoreOptions {
  /** Most delegations. Default 10,000; a change that exceeds it is refused. */
  readonly maxEntries?: number
}

/**
 * Stores delegations in the memory of this process.
 *
 * @param delegations - those that it begins with. Default: none.
 * @throws ArgumentError when an argument is invalid; `change` throws StoreFullError.
 */
export function memoryDelegationStore(
  delegations: Iterable<Delegation> = [],
  options: MemoryDelegationStoreOptions = {},
): DelegationStore {
  const { maxEntries } = readOptions('memoryDelegationStore', options, {
    maxEntries: withDefault(integerFrom(1), 10_000),
  })
  let held: ReadonlyMap<string, Uint8Array> = new Map(namedBytes(delegations))
  return Object.freeze({
    load: () => [...held.values()].map((bytes) => bytes.slice()),
    change({ add, remove }) {
      const next = new Map(held)
      for (const cid of remove) next.delete(cid)
      for (const [cid, bytes] of add) next.set(cid, bytes.slice())
      if (next.size > maxEntries)
        throw new StoreFullError(`the delegation store holds at most ${maxEntries} delegations`)
      held = next
    },
  } satisfies DelegationStore)
}

/** The bytes of delegations, by their CIDs. */
function namedBytes(delegations: Iterable<Delegation>): readonly (readonly [string, Uint8Array])[] {
  if (typeof delegations !== 'object' || typeof delegations?.[Symbol.iterator] !== 'function')
    throw new ArgumentError('`delegations` must be a list of delegations')
  return Array.from(delegations, (one) => {
    if (one?.kind !== 'delegation' || !(one.bytes instanceof Uint8Array))
      throw new ArgumentError('`delegations` must be a list of delegations')
    return [String(one.cid), one.bytes.slice()] as const
  })
}
