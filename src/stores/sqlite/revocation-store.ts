// node only: HMAC

import {
  type JournalPage,
  type ListOptions,
  type RevocationJournal,
  readListOptions,
} from '../../core/revocation/revocation-journal.ts'
import type { RevocationEntry, RevocationRecord } from '../../core/revocation/revocation-store.ts'
import { prepare } from '../../support/sqlite.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { entryBox } from '../entry-box.ts'
import type { StoreSecret } from '../keyed-names.ts'
import { assertNotForgotten, forgettableBefore, queryFor, type RevocationQuery, rowsOf } from '../revocation-rows.ts'
import type { SharedRevocationStore } from '../shared-stores.ts'
import type { SqliteConnection } from './connection.ts'
import { revocationJournal } from './revocation-journal.ts'

/** Rows that one statement forgets. */
const prunedAtOnce = 200

/** A revocation store in SQLite, which also lists its entries. */
export interface SqliteRevocationStore extends SharedRevocationStore, RevocationJournal {}

/**
 * Looks revocations up, within a transaction or without.
 *
 * @throws StoreError when some that apply may be forgotten.
 */
export type FindRevocations = (query: RevocationQuery) => readonly RevocationRecord[]

/** Makes the look-up of a connection. */
export function revocationFinder({ database, tables, meta }: SqliteConnection, clock: Clock): FindRevocations {
  const find = prepare(database, `SELECT id, revoker FROM ${tables.revocations} WHERE id = ?`)
  const findOne = prepare(database, `SELECT id, revoker FROM ${tables.revocations} WHERE id = ? LIMIT 1`)
  const findPair = prepare(database, `SELECT id, revoker FROM ${tables.revocations} WHERE id = ? AND revoker = ?`)
  return ({ delegations, principals, revokers, recordsOf }) => {
    // A delegation without revocations, as nearly all are, costs one statement.
    const known = delegations.map(bytesOf).filter((id) => findOne.all(id).length > 0)
    const rows = [
      ...known.flatMap((id) => revokers.flatMap((revoker) => findPair.all(id, bytesOf(revoker)))),
      ...principals.flatMap((id) => find.all(bytesOf(id))),
    ]
    // Read after the rows: another process may forget some in between.
    assertNotForgotten(meta().revocationsForgotten, secondsOf(clock))
    return recordsOf(rows.map(({ id, revoker }) => ({ id: hexOf(id), revoker: hexOf(revoker) })))
  }
}

/** Makes the revocation store of a connection. */
export function revocationStore(
  { database, names, tables, write, meta, query }: SqliteConnection,
  find: FindRevocations,
  { clock, secret }: { readonly clock: Clock; readonly secret: StoreSecret },
): SqliteRevocationStore {
  const { revocations } = tables
  const journal = revocationJournal(database, tables, entryBox(secret))
  const add = prepare(
    database,
    `INSERT INTO ${revocations} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`,
  )
  const forget = prepare(
    database,
    `DELETE FROM ${revocations} WHERE (id, revoker) IN
       (SELECT id, revoker FROM ${revocations} WHERE until < ? LIMIT ${prunedAtOnce})`,
  )
  const note = prepare(database, `UPDATE ${tables.meta} SET revocations_forgotten = max(revocations_forgotten, ?)`)

  /** Forgets some revocations, and returns how many. The time is noted in the same transaction. */
  function forgetSome(): number {
    const until = forgettableBefore(secondsOf(clock))
    const count = forget.run(until)
    const listed = journal.forget(until)
    if (count + listed > 0) note.run(until)
    return count
  }

  return Object.freeze({
    findRevocations(ids: readonly string[]): readonly RevocationRecord[] | Promise<readonly RevocationRecord[]> {
      const asked = queryFor(ids, names)
      return query(() => find(asked))
    },
    async add(entry: RevocationEntry) {
      const { rows, until, entry: read } = rowsOf(entry, names)
      await write(() => {
        meta()
        for (const [at, row] of rows.entries()) {
          const [id, revoker] = [bytesOf(row.id), bytesOf(row.revoker)]
          add.run(id, revoker, until)
          journal.add(id, revoker, until, { ...read, ids: [read.ids[at] as string] })
        }
      })
    },
    listRevocations(options: ListOptions): JournalPage | Promise<JournalPage> {
      const { after, limit } = readListOptions(options)
      return query(() => {
        const page = journal.list(after, limit, meta().epoch)
        assertNotForgotten(meta().revocationsForgotten, secondsOf(clock))
        return page
      })
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      while ((await write(forgetSome, signal)) === prunedAtOnce);
    },
  })
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function hexOf(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString('hex')
}
