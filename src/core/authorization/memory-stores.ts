import { maybe, type OptionChecks, readOptions, withMethod } from '../../support/options.ts'
import type { Clock } from '../../time.ts'
import { type MemoryRevocationStore, memoryRevocationStore } from '../revocation/memory-revocation-store.ts'
import { type MemoryLimitStore, memoryLimitStore } from './limits/memory-limit-store.ts'
import { type MemoryReplayStore, memoryReplayStore } from './replay-store.ts'

/** Options of {@link memoryStores}. The stores have the default sizes. */
export interface MemoryStoresOptions {
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The stores, under the names of the options of `createAuthorizer` and `createGuard`. */
export interface MemoryStores {
  readonly revocations: MemoryRevocationStore
  readonly replay: MemoryReplayStore
  readonly limitStore: MemoryLimitStore
}

const optionChecks: OptionChecks<MemoryStoresOptions> = Object.freeze({ clock: maybe(withMethod('now')) })

/**
 * Makes the stores that a service needs, in the memory of this process.
 *
 * @example
 * ```ts
 * import { createAuthorizer } from 'procura'
 * import { memoryStores } from 'procura/store/memory'
 *
 * const authorizer = createAuthorizer({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [send],
 *   ...memoryStores(),
 * })
 * ```
 *
 * @throws ArgumentError when `clock` is invalid.
 */
export function memoryStores(options: MemoryStoresOptions = {}): MemoryStores {
  const given = readOptions('memoryStores', options, optionChecks)
  return Object.freeze({
    revocations: memoryRevocationStore(given),
    replay: memoryReplayStore(given),
    limitStore: memoryLimitStore(given),
  })
}
