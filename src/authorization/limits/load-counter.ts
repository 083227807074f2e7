/**
 * Makes the counter, for a service that has a `limitStore`.
 *
 * @module
 */

import type { CallStore } from '../call-store.ts'
import { core } from './core.ts'
import { type Counter, createCounter } from './counter.ts'
import type { LimitStore } from './limit-store.ts'

/** Returns the counter. */
export interface LoadedCounter {
  (): Counter
  /** Whether the counter can ask all stores in one request. */
  readonly asksTogether: boolean
}

/**
 * Makes the counter.
 *
 * @param holdSeconds - see `createCounter`.
 * @param callStore - see `createCounter`.
 */
export function loadCounter(
  store: LimitStore,
  holdSeconds: number | undefined,
  callStore: CallStore | undefined,
): LoadedCounter {
  const counter = createCounter(store, holdSeconds, core, callStore)
  return Object.assign(() => counter, { asksTogether: callStore !== undefined })
}
