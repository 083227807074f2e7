// node only: HMAC

import type { RevocationEntry, RevocationRecord } from '../../revocation/revocation-store.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { assertNotForgotten, forgettableBefore, queryFor, rowsOf } from '../revocation-rows.ts'
import type { SharedRevocationStore } from '../shared-stores.ts'
import type { SqliteConnection } from './connection.ts'
import { prepare } from './database.ts'

/** Rows that one statement forgets. */
const prunedAtOnce = 500

/** Makes the revocation store of a connection. */
export function revocationStore(
  { database, names, tables, write, meta, query }: SqliteConnection,
  clock: Clock,
): SharedRevocationStore {
  const { revocations } = tables
  const add = prepare(
    database,
    `INSERT INTO ${revocations} VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET until = max(until, excluded.until)`,
  )
  const find = prepare(database, `SELECT id, revoker FROM ${revocations} WHERE id = ?`)
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
    if (count > 0) note.run(until)
    return count
  }

  return Object.freeze({
    findRevocations(ids: readonly string[]): readonly RevocationRecord[] | Promise<readonly RevocationRecord[]> {
      const { ids: hashes, recordsOf } = queryFor(ids, names)
      return query(() => {
        const rows = hashes.flatMap((id) => find.all(bytesOf(id)))
        // Read after the rows: another process may forget some in between.
        assertNotForgotten(meta().revocationsForgotten, secondsOf(clock))
        return recordsOf(rows.map(({ id, revoker }) => ({ id: hexOf(id), revoker: hexOf(revoker) })))
      })
    },
    async add(entry: RevocationEntry) {
      const { rows, until } = rowsOf(entry, names)
      await write(() => {
        meta()
        for (const { id, revoker } of rows) add.run(bytesOf(id), bytesOf(revoker), until)
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
