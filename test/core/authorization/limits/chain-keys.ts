import { createHash } from 'node:crypto'
import type { LimitEntry, LimitStore } from '../../../../src/core/authorization/limits/limit-store.ts'
import { cidTextOfKey, digestKey } from '../../../../src/core/ipld/cid.ts'

/** The key of a limit in a chain: the hash of the delegation, and the index of the statement. */
export function chainKey(text: string, statement = 0): string {
  return `${cidTextOfKey(digestKey(createHash('sha256').update(text).digest()))}.${statement}`
}

/** A store whose caller uses keys of any form, and which gets keys of chains in their place. */
export function withChainKeys(store: LimitStore): LimitStore {
  const names = new Map<string, string>()
  const renamed = (entries: readonly LimitEntry[]): LimitEntry[] =>
    entries.map((entry) => {
      const key = chainKey(entry.key, entry.key.length % 256)
      names.set(key, entry.key)
      return { ...entry, key }
    })
  return {
    async reserve(request, options) {
      const answer = await store.reserve({ ...request, entries: renamed(request.entries) }, options)
      return answer.reserved ? answer : { ...answer, key: String(names.get(answer.key)) }
    },
    commit: (reservation, options) => store.commit(reservation, options),
    release: (reservation, options) => store.release(reservation, options),
    remaining: (entries, options) => store.remaining(renamed(entries), options),
  }
}
