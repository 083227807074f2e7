// node only: HMAC

import type { RevocationEntry, RevocationRecord } from '../../revocation/revocation-store.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { queryFor, rowsOf } from '../revocation-rows.ts'
import type { SharedRevocationStore } from '../shared-stores.ts'
import { query, type SqliteConnection } from './connection.ts'
import { prepare } from './database.ts'

/** Rows that one statement forgets. */
const prunedAtOnce = 500

/** Makes the revocation store of a connection. */
export function revocationStore(
  { database, names, tables, write, meta }: SqliteConnection,
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
  return Object.freeze({
    findRevocations(ids: readonly string[]): readonly RevocationRecord[] {
      meta()
      const { ids: hashes, recordsOf } = queryFor(ids, names)
      const rows = hashes.flatMap((id) => query(() => find.all(bytesOf(id))))
      return recordsOf(rows.map(({ id, revoker }) => ({ id: hexOf(id), revoker: hexOf(revoker) })))
    },
    async add(entry: RevocationEntry) {
      const { rows, until } = rowsOf(entry, names)
      await write(() => {
        meta()
        for (const { id, revoker } of rows) add.run(bytesOf(id), bytesOf(revoker), until)
      })
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const forgetSome = (): number => forget.run(secondsOf(clock))
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
