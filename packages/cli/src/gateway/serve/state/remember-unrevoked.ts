// node only: wraps the stores of SQLite

import { type Clock, systemClock } from 'procura'
import { createBoundedMap } from '#support/bounded-map.ts'
import type { GatewayStores } from './sync-state.ts'

type Revocations = GatewayStores['revocations']

/** Chains that are remembered. */
const mostChains = 1_000

/**
 * Remembers chains of which nothing is revoked, for a process that has its stores alone: such an answer holds until
 * this process adds a revocation. Other answers are not remembered. When entries are forgotten, or the clock goes back,
 * the store is asked again, which refuses look-ups for a time before the forgotten ones. GTW-18
 */
export function rememberUnrevoked(store: Revocations, clock: Clock = systemClock): Revocations {
  let unrevoked = createBoundedMap<true>(mostChains)
  let latest = clock.now()
  /** Changes in progress: a row is visible before its change is answered. */
  let changing = 0

  function forget(): void {
    unrevoked = createBoundedMap(mostChains)
  }

  async function during<T>(change: () => T | Promise<T>): Promise<T> {
    changing += 1
    forget()
    try {
      return await change()
    } finally {
      changing -= 1
      forget()
    }
  }

  return Object.freeze({
    ...store,
    findRevocations(...[ids, options]: Parameters<Revocations['findRevocations']>) {
      const now = clock.now()
      if (now < latest) forget()
      latest = now
      const chain = JSON.stringify(ids)
      if (unrevoked.get(chain)) return []
      const answer = store.findRevocations(ids, options)
      // An answer that comes later could be older than a change. A question about one name is the probe of a health
      // check.
      const isKept = changing === 0 && ids.length > 1 && Array.isArray(answer) && answer.length === 0
      if (isKept) unrevoked.set(chain, true)
      return answer
    },
    add: (...entry: Parameters<Revocations['add']>) => during(() => store.add(...entry)),
    prune: (...options: Parameters<Revocations['prune']>) => during(() => store.prune(...options)),
  })
}
