/**
 * Loads the counter, for a service that has a `limitStore`.
 *
 * @module
 */

import { core } from './core.ts'
import type { Counter } from './counter.ts'
import type { LimitStore } from './limit-store.ts'

/** Returns the counter, or a promise until it is loaded. */
export type LoadedCounter = () => Counter | Promise<Counter>

/**
 * Starts to load the counter. Once it is loaded, calls need not wait for it.
 *
 * @param holdSeconds - see `createCounter`.
 */
export function loadCounter(store: LimitStore, holdSeconds: number | undefined): LoadedCounter {
  let counter: Counter | Promise<Counter> = import('./counter.ts').then(({ createCounter }) => {
    counter = createCounter(store, holdSeconds, core)
    return counter
  })
  return () => counter
}
