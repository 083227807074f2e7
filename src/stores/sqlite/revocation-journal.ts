// node only: AES-GCM

import type { JournalEntry, JournalPage } from '../../core/revocation/revocation-journal.ts'
import type { RevocationEntry } from '../../core/revocation/revocation-store.ts'
import { StoreError } from '../../errors.ts'
import { prepare, type SqliteDatabase } from '../../support/sqlite.ts'
import type { Timestamp } from '../../time.ts'
import type { EntryBox } from '../entry-box.ts'
import type { Tables } from '../tables.ts'

/** Rows that one statement forgets. */
const forgottenAtOnce = 200

/** The entries of a revocation store in their order. */
export interface SqliteRevocationJournal {
  /** Adds an entry, within a transaction. One that is known gets a new number only if it applies longer than before. */
  add(id: Uint8Array, revoker: Uint8Array, until: number, entry: RevocationEntry): void
  /** Forgets some entries that no longer apply, within a transaction. Returns how many. */
  forget(until: Timestamp): number
  list(after: number, limit: number, epoch: Timestamp): JournalPage
}

/**
 * Makes the journal of a database. Numbers are given in transactions that exclude each other, so an entry never appears
 * before one with a smaller number.
 */
export function revocationJournal(
  database: SqliteDatabase,
  { revocationJournal: table, journalName }: Tables,
  box: EntryBox,
): SqliteRevocationJournal {
  const known = prepare(database, `SELECT until FROM ${table} WHERE id = ? AND revoker = ?`)
  const remove = prepare(database, `DELETE FROM ${table} WHERE id = ? AND revoker = ?`)
  const insert = prepare(database, `INSERT INTO ${table} (id, revoker, until, sealed) VALUES (?, ?, ?, ?)`)
  const forget = prepare(
    database,
    `DELETE FROM ${table} WHERE sequence IN (SELECT sequence FROM ${table} WHERE until < ? LIMIT ${forgottenAtOnce})`,
  )
  // One statement sees the rows and the head of one moment: an entry that is extended in between would be beyond the
  // head, and missing before it. The last number is kept also when its row is forgotten.
  const list = prepare(
    database,
    `SELECT name, (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = '${table}') AS head, sequence, sealed
     FROM ${journalName} LEFT JOIN (SELECT sequence, sealed FROM ${table} WHERE sequence > ? ORDER BY sequence LIMIT ?)
     ORDER BY sequence`,
  )
  return {
    add(id, revoker, until, entry) {
      const [row] = known.all(id, revoker)
      if (row !== undefined && Number(row['until']) >= until) return
      remove.run(id, revoker)
      insert.run(id, revoker, until, box.seal(entry))
    },
    forget: (until) => forget.run(until),
    list(after, limit, epoch) {
      const rows = list.all(after, limit)
      const [row] = rows
      if (row === undefined) throw new StoreError('the database has no journal; call `prepareSqliteStores`')
      const head = Number(row['head'])
      const entries: JournalEntry[] = rows
        .filter(({ sequence }) => sequence !== null)
        .map(({ sequence, sealed }) => ({ sequence: Number(sequence), entry: box.open(sealed as Uint8Array) }))
      // A new epoch declares that the data may have lost its last writes, whose numbers are given again.
      return { journal: `${String(row['name'])}-${epoch}`, entries, head }
    },
  }
}
