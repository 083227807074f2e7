import type { Did } from '../did/did.ts'
import { ArgumentError, StoreFullError } from '../errors.ts'
import { maybe, numberFrom, readOptions, withMethod } from '../support/options.ts'
import { type Clock, never, systemClock } from '../time.ts'
import { readRevocationEntry } from './revocation-entry.ts'
import { revocationId } from './revocation-id.ts'
import type { RevocationRecord, RevocationRegistry } from './revocation-store.ts'

/** Options of {@link memoryRevocationStore}. */
export interface MemoryRevocationStoreOptions {
  /** Maximum number of revocations. Default 1,000,000. When full, adding fails: no entry that still applies is removed. */
  readonly maxEntries?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Seconds for which an entry is kept after its `expiration`, because clocks differ. Default 300. */
  readonly keepFor?: number
}

/** The revokers of an id (`undefined` for the operator), each with the time until which the entry is kept. */
type Revokers = Map<Did | undefined, number>

/**
 * Stores revocations in the memory of this process: for tests, and for one process that reads them from elsewhere.
 *
 * @throws ArgumentError when an option is not of its type; so does `add` for an entry of another form, or
 *   one that names neither a delegation nor a principal.
 */
export function memoryRevocationStore(options: MemoryRevocationStoreOptions = {}): RevocationRegistry {
  const {
    maxEntries = 1_000_000,
    clock = systemClock,
    keepFor = 300,
  } = readOptions('memoryRevocationStore', options, {
    maxEntries: maybe(numberFrom(0)),
    clock: maybe(withMethod('now')),
    keepFor: maybe(numberFrom(0)),
  })
  const byId = new Map<string, Revokers>()
  let size = 0

  function forgetExpired(): void {
    const now = clock.now()
    for (const [id, revokers] of byId) {
      for (const [revoker, until] of revokers) if (until < now && revokers.delete(revoker)) size -= 1
      if (revokers.size === 0) byId.delete(id)
    }
  }

  return {
    findRevocations(ids) {
      if (!Array.isArray(ids)) throw new ArgumentError('findRevocations takes a list of CIDs and DIDs')
      const found: RevocationRecord[] = []
      if (byId.size === 0) return found
      for (const id of ids) {
        const revokers = byId.get(revocationId(id))
        if (revokers === undefined) continue
        for (const revoker of revokers.keys()) found.push(revoker === undefined ? { id } : { id, revoker })
      }
      return found
    },
    add(entry) {
      const { ids, revoker, expiration } = readRevocationEntry(entry)
      const until = expiration === never ? Number.POSITIVE_INFINITY : expiration + keepFor
      const fresh = ids.filter((id) => byId.get(id)?.has(revoker) !== true).length
      if (size + fresh > maxEntries) forgetExpired()
      // RVK-07
      if (size + fresh > maxEntries) throw new StoreFullError(`the revocation store holds its ${maxEntries} entries`)
      for (const id of ids) {
        const revokers: Revokers = byId.get(id) ?? new Map()
        const known = revokers.get(revoker)
        if (known === undefined) size += 1
        byId.set(id, revokers.set(revoker, Math.max(until, known ?? until)))
      }
    },
  }
}
