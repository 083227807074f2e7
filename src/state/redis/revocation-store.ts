// node only: HMAC

import type { RevocationEntry, RevocationRecord } from '../../revocation/revocation-store.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { assertNotForgotten, forgettableBefore, queryFor, type RevocationRow, rowsOf } from '../revocation-rows.ts'
import type { SharedRevocationStore } from '../shared-stores.ts'
import { otherForm, type RedisConnection, scoreOf, text } from './connection.ts'
import { addScript, endedScript, findScript, forgetRevocationsScript } from './scripts.ts'

/** Entries that one script forgets. */
const forgottenAtOnce = 500

/** Makes the revocation store of a connection. */
export function revocationStore({ names, key, ask }: RedisConnection, clock: Clock): SharedRevocationStore {
  const keysOf = (ids: readonly string[]): string[] => ids.map((id) => key('revoked', id))

  return Object.freeze({
    async findRevocations(ids: readonly string[]): Promise<readonly RevocationRecord[]> {
      const { ids: hashes, recordsOf } = queryFor(ids, names)
      const [, forgotten, ...found] = await ask(findScript, ['found'], keysOf(hashes), [])
      assertNotForgotten(Number(text(forgotten)), secondsOf(clock))
      return recordsOf(revokersOf(hashes, found))
    },
    async add(entry: RevocationEntry) {
      const { rows, until } = rowsOf(entry, names)
      const ids = rows.map(({ id }) => id)
      await ask(addScript, ['added'], [key('ends'), ...keysOf(ids)], [rows[0]?.revoker ?? '', scoreOf(until), ...ids])
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const before = String(forgettableBefore(secondsOf(clock)))
      for (let count = forgottenAtOnce; count === forgottenAtOnce; ) {
        signal?.throwIfAborted()
        const [, ended] = await ask(endedScript, ['ended'], [key('ends')], [before, String(forgottenAtOnce)])
        if (!Array.isArray(ended)) throw otherForm()
        const ids = ended.map(text)
        await ask(forgetRevocationsScript, ['forgotten'], [key('ends'), ...keysOf(ids)], [before, ...ids])
        count = ids.length
      }
    },
  })
}

/**
 * Returns the rows of an answer, which has the revokers of each id.
 *
 * @throws StoreError when it has not.
 */
export function revokersOf(ids: readonly string[], found: unknown): readonly RevocationRow[] {
  if (!Array.isArray(found) || found.length !== ids.length || !found.every(Array.isArray)) throw otherForm()
  return ids.flatMap((id, at) => (found[at] as readonly unknown[]).map((revoker) => ({ id, revoker: text(revoker) })))
}
