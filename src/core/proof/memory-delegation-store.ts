import { ArgumentError, StoreFullError } from '../../errors.ts'
import { integerFrom, readOptions, withDefault } from '../../support/options.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { DelegationStore } from './delegation-store.ts'

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
    // AGT-17
    change({ add, remove }) {
      const next = new Map(held)
      for (const cid of remove) next.delete(cid)
      for (const [cid, bytes] of add) next.set(cid, new Uint8Array(bytes))
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
    return [String(one.cid), new Uint8Array(one.bytes)] as const
  })
}
