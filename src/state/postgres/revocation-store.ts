// node only: HMAC

import type { RevocationEntry, RevocationRecord } from '../../revocation/revocation-store.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { inBatches } from '../batches.ts'
import { assertNotForgotten, forgettableBefore, queryFor, type RevocationRow, rowsOf } from '../revocation-rows.ts'
import type { SharedRevocationStore } from '../shared-stores.ts'
import { forgettable, onDisk, otherForm, type PostgresConnection } from './connection.ts'

/** Rows that one statement forgets. */
const prunedAtOnce = 1000

/** Makes the revocation store of a connection. Look-ups that wait share a statement. */
export function revocationStore(connection: PostgresConnection, clock: Clock): SharedRevocationStore {
  const { names, tables, maxBatch, ask, query } = connection
  // The left join gives a row also when nothing is found, so that missing data is noticed.
  const findText = `
SELECT fingerprint, revocations_forgotten, encode(found.id, 'hex') AS id, encode(found.revoker, 'hex') AS revoker
FROM ${tables.meta} LEFT JOIN ${tables.revocations} AS found
  ON found.id IN (SELECT decode(id, 'hex') FROM unnest(string_to_array($1, ',')) AS t (id))`

  async function findAll(queries: readonly (readonly string[])[]): Promise<readonly (readonly RevocationRow[])[]> {
    const rows = await ask(findText, [[...new Set(queries.flat())].join(',')])
    const forgotten = Number(rows[0]['revocations_forgotten'])
    if (!Number.isFinite(forgotten)) throw otherForm()
    assertNotForgotten(forgotten, secondsOf(clock))
    const byId = new Map<string, RevocationRow[]>()
    for (const { id, revoker } of rows) {
      if (typeof id !== 'string') continue
      byId.set(id, [...(byId.get(id) ?? []), { id, revoker: String(revoker) }])
    }
    return queries.map((ids) => ids.flatMap((id) => byId.get(id) ?? []))
  }

  const find = inBatches(findAll, maxBatch)

  return Object.freeze({
    async findRevocations(
      ids: readonly string[],
      { signal }: { readonly signal?: AbortSignal | undefined },
    ): Promise<readonly RevocationRecord[]> {
      const { ids: hashes, recordsOf } = queryFor(ids, names)
      return recordsOf(await find(hashes, signal))
    },
    async add(entry: RevocationEntry) {
      const { rows, until } = rowsOf(entry, names)
      const ids = rows.map(({ id }) => id).join(',')
      await ask(
        `WITH added AS (
          INSERT INTO ${tables.revocations} AS known (id, revoker, until)
          SELECT decode(id, 'hex'), decode($2, 'hex'), $3::float8
          FROM unnest(string_to_array($1, ',')) AS t (id), ${tables.meta} WHERE fingerprint = $4 ORDER BY id
          ON CONFLICT (id, revoker) DO UPDATE SET until = greatest(known.until, excluded.until)
          RETURNING 1
        ) SELECT fingerprint, ${onDisk}, (SELECT count(*) FROM added) AS added FROM ${tables.meta}`,
        [
          ids,
          rows[0]?.revoker ?? '',
          until === Number.POSITIVE_INFINITY ? 'Infinity' : String(until),
          names.fingerprint,
        ],
      )
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const forget = `WITH gone AS (
        DELETE FROM ${tables.revocations} WHERE (id, revoker) IN
          (SELECT id, revoker FROM ${tables.revocations} WHERE until < ${forgettable} LIMIT ${prunedAtOnce})
        RETURNING 1
      ), noted AS (
        UPDATE ${tables.meta} SET revocations_forgotten = greatest(revocations_forgotten, ${forgettable})
        WHERE EXISTS (SELECT 1 FROM gone)
      ) SELECT count(*) AS count FROM gone`
      for (let count = prunedAtOnce; count === prunedAtOnce; ) {
        signal?.throwIfAborted()
        count = Number((await query(forget, [String(forgettableBefore(secondsOf(clock)))]))[0]?.['count'])
      }
    },
  })
}
