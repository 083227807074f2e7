import type { LimitStore } from '../core/authorization/limits/limit-store.ts'

/** Wraps a store for a dry run: it answers like that store, and reserves nothing. */
export function lookingOnly(store: LimitStore): LimitStore {
  return {
    async reserve({ entries }, options) {
      const states = await store.remaining(entries, options)
      const at = entries.findIndex(({ amount }, index) => !(Number(states[index]?.remaining) >= Math.max(1, amount)))
      const [entry, state] = [entries[at], states[at]]
      return entry === undefined || state === undefined
        ? { reserved: true }
        : { reserved: false, key: entry.key, ...state }
    },
    commit: () => true,
    release: () => undefined,
    remaining: (entries, options) => store.remaining(entries, options),
  }
}
