// node only: HMAC

import { randomBytes } from 'node:crypto'
import { type JournalPage, type ListOptions, readListOptions } from '../../core/revocation/revocation-journal.ts'
import type { RevocationEntry, RevocationRecord } from '../../core/revocation/revocation-store.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { entryBox } from '../entry-box.ts'
import type { StoreSecret } from '../keyed-names.ts'
import {
  assertNotForgotten,
  forgettableBefore,
  queryFor,
  type RevocationQuery,
  type RevocationRow,
  rowsOf,
} from '../revocation-rows.ts'
import type { SharedRevocationStore } from '../shared-stores.ts'
import { otherForm, type RedisConnection, revocationChannel, scoreOf, text } from './connection.ts'
import {
  addScript,
  endedScript,
  findScript,
  forgetJournalScript,
  forgetRevocationsScript,
  listScript,
} from './scripts.ts'

/** Entries that one script forgets. */
const forgottenAtOnce = 500

/** Makes the revocation store of a connection. */
export function revocationStore(
  { names, key, ask }: RedisConnection,
  { clock, secret, prefix }: { readonly clock: Clock; readonly secret: StoreSecret; readonly prefix: string },
): SharedRevocationStore {
  const box = entryBox(secret)
  const journal = [key('journal'), key('journal-entries'), key('journal-ends')]
  const keysOf = (ids: readonly string[]): string[] => ids.map((id) => key('revoked', id))

  return Object.freeze({
    async findRevocations(ids: readonly string[]): Promise<readonly RevocationRecord[]> {
      const query = queryFor(ids, names)
      const [, forgotten, found] = await ask(findScript, ['found'], keysOf(idsOf(query)), [queryValue(query)])
      assertNotForgotten(Number(text(forgotten)), secondsOf(clock))
      return query.recordsOf(revokersOf(query, found))
    },
    async add(entry: RevocationEntry) {
      const { rows, until, entry: read } = rowsOf(entry, names)
      const ids = rows.map(({ id }) => id)
      const sealed = rows.flatMap(({ id }, at) => [id, encoded(box.seal({ ...read, ids: [read.ids[at] as string] }))])
      const values = [rows[0]?.revoker ?? '', scoreOf(until), newJournal(), revocationChannel(prefix), ...sealed]
      await ask(addScript, ['added'], [key('ends'), ...journal, ...keysOf(ids)], values)
    },
    async listRevocations(options: ListOptions): Promise<JournalPage> {
      const { after, limit } = readListOptions(options)
      const values = [newJournal(), String(after), String(limit)]
      const [, epoch, forgotten, name, last, ...rows] = await ask(listScript, ['listed'], journal, values)
      assertNotForgotten(Number(text(forgotten)), secondsOf(clock))
      const head = numberIn(last)
      const entries = Array.from({ length: rows.length / 2 }, (_, at) => ({
        sequence: numberIn(rows[2 * at]),
        entry: box.open(new Uint8Array(Buffer.from(text(rows[2 * at + 1]), 'base64'))),
      }))
      // A new epoch declares that the data may have lost its last writes, whose numbers are given again.
      return { journal: `${text(name)}-${Number(text(epoch))}`, entries, head }
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
      for (let count = forgottenAtOnce; count === forgottenAtOnce; ) {
        signal?.throwIfAborted()
        const [, gone] = await ask(forgetJournalScript, ['forgotten'], journal, [before, String(forgottenAtOnce)])
        count = numberIn(gone)
      }
    },
  })
}

/** The ids of a query, in the order in which scripts take them. */
export function idsOf({ delegations, principals }: RevocationQuery): readonly string[] {
  return [...delegations, ...principals]
}

/** A query as scripts take it, beside its ids. */
export function queryValue({ delegations, revokers }: RevocationQuery): string {
  return JSON.stringify({ delegations: delegations.length, revokers })
}

/**
 * Returns the rows of an answer, which has the revokers of each id.
 *
 * @throws StoreError when it has not.
 */
export function revokersOf(query: RevocationQuery, found: unknown): readonly RevocationRow[] {
  const ids = idsOf(query)
  if (!Array.isArray(found) || found.length !== ids.length || !found.every(Array.isArray)) throw otherForm()
  return ids.flatMap((id, at) => (found[at] as readonly unknown[]).map((revoker) => ({ id, revoker: text(revoker) })))
}

/** A name for a journal that does not exist yet. */
function newJournal(): string {
  return randomBytes(16).toString('hex')
}

function encoded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function numberIn(value: unknown): number {
  const number = Number(text(value))
  if (!Number.isSafeInteger(number)) throw otherForm()
  return number
}
