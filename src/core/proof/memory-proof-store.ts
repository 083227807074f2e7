import { ArgumentError, StoreFullError } from '../../errors.ts'
import { maybe, numberFrom, readOptions } from '../../support/options.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { Did } from '../did/did.ts'
import { digestKey } from '../ipld/cid.ts'
import { isCid } from '../ipld/value.ts'
import type { ProofRegistry } from './proof-store.ts'

/** Options of {@link memoryProofStore}. */
export interface MemoryProofStoreOptions {
  /** Maximum number of delegations. Default 10,000; one more is refused. */
  readonly maxEntries?: number
}

/**
 * Stores delegations in the memory of this process.
 *
 * @throws ArgumentError when an option is not of its type; `add` throws it for anything but a list of delegations.
 */
export function memoryProofStore(options: MemoryProofStoreOptions = {}): ProofRegistry {
  const { maxEntries = 10_000 } = readOptions('memoryProofStore', options, { maxEntries: maybe(numberFrom(0)) })
  const byAudience = new Map<Did, Map<string, Delegation>>()
  let size = 0
  return {
    delegationsTo: (audience) => byAudience.get(audience)?.values() ?? [],
    add(delegations) {
      for (const delegation of listed(delegations)) {
        const held = byAudience.get(delegation.audience) ?? new Map<string, Delegation>()
        const key = digestKey(delegation.cid.multihash.digest)
        if (held.has(key)) continue
        if (size >= maxEntries) throw new StoreFullError(`the proof store holds its ${maxEntries} delegations`)
        byAudience.set(delegation.audience, held.set(key, delegation))
        size += 1
      }
    },
  }
}

/** Checks a copy of the list, which the caller cannot change afterwards. */
function listed(delegations: Iterable<Delegation>): readonly Delegation[] {
  const isList = typeof delegations === 'object' && typeof delegations?.[Symbol.iterator] === 'function'
  const list = isList ? [...delegations] : [undefined]
  if (!list.every((one) => one?.kind === 'delegation' && isCid(one.cid))) {
    throw new ArgumentError('a proof store takes a list of delegations')
  }
  return list as readonly Delegation[]
}
