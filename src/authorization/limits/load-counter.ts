/**
 * Loads the counter, for a service that has a `limitStore`.
 *
 * @module
 */

import type { CallStore } from '../call-store.ts'
import { core } from './core.ts'
import type { Counter } from './counter.ts'
import type { LimitStore } from './limit-store.ts'

/** Returns the counter, or a promise until it is loaded. */
export interface LoadedCounter {
  (): Counter | Promise<Counter>
  /** Whether the counter can ask all stores in one request. */
  readonly asksTogether: boolean
}

/**
 * Starts to load the counter. Once it is loaded, calls need not wait for it.
 *
 * @param holdSeconds - see `createCounter`.
 * @param callStore - see `createCounter`.
 */
export function loadCounter(
  store: LimitStore,
  holdSeconds: number | undefined,
  callStore: CallStore | undefined,
): LoadedCounter {
  const loading = import('./counter.ts').then(({ createCounter }) => {
    counter = createCounter(store, holdSeconds, core, callStore)
    return counter
  })
  let counter: Counter | Promise<Counter> = loading
  // A call that waits for it reports the failure.
  loading.catch(() => undefined)
  return Object.assign(() => counter, { asksTogether: callStore !== undefined })
}
