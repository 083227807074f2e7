// node only: HMAC

import { type JournalPage, type ListOptions, readListOptions } from '../../core/revocation/revocation-journal.ts'
import type { RevocationEntry, RevocationRecord } from '../../core/revocation/revocation-store.ts'
import { type Clock, secondsOf, type Timestamp } from '../../time.ts'
import { type EntryBox, entryBox } from '../entry-box.ts'
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
import { forgettable, onDisk, otherForm, type PostgresConnection } from './connection.ts'
import { forgetRows, noteForgotten } from './forget-rows.ts'
import { addFunctionOf, foundRevocations } from './revocation-function.ts'

/** Makes the revocation store of a connection. Look-ups that wait share a statement. */
export function revocationStore(
  connection: PostgresConnection,
  { clock, secret }: { readonly clock: Clock; readonly secret: StoreSecret },
): SharedRevocationStore {
  const box = entryBox(secret)
  const { names, tables, batched, ask } = connection
  // The left join gives a row also when nothing is found, so that missing data is noticed.
  const findText = `
SELECT fingerprint, revocations_forgotten, place, encode(found.id, 'hex') AS id, encode(found.revoker, 'hex') AS revoker
FROM ${tables.meta} LEFT JOIN (${foundRevocations(tables, '$1::jsonb')}) AS found ON true`

  async function findAll(queries: readonly RevocationQuery[]): Promise<readonly (readonly RevocationRow[])[]> {
    const rows = await ask(findText, [JSON.stringify(queries)])
    const forgotten = Number(rows[0]['revocations_forgotten'])
    if (!Number.isFinite(forgotten)) throw otherForm()
    assertNotForgotten(forgotten, secondsOf(clock))
    const found = queries.map((): RevocationRow[] => [])
    for (const { place, id, revoker } of rows) {
      if (typeof id === 'string') found[Number(place) - 1]?.push({ id, revoker: String(revoker) })
    }
    return found
  }

  const find = batched(findAll)

  return Object.freeze({
    async findRevocations(
      ids: readonly string[],
      { signal }: { readonly signal?: AbortSignal | undefined },
    ): Promise<readonly RevocationRecord[]> {
      const query = queryFor(ids, names)
      return query.recordsOf(await find(query, signal))
    },
    async add(entry: RevocationEntry) {
      const { rows, until, entry: read } = rowsOf(entry, names)
      const sealed = rows.map((_, at) =>
        Buffer.from(box.seal({ ...read, ids: [read.ids[at] as string] })).toString('base64'),
      )
      const added = `${addFunctionOf(tables)}(decode($2, 'hex'), $3::float8, string_to_array($4, ','), string_to_array($5, ','))`
      await ask(
        `SELECT fingerprint, ${onDisk}, CASE WHEN fingerprint = $1 THEN ${added} END AS added FROM ${tables.meta}`,
        [
          names.fingerprint,
          rows[0]?.revoker ?? '',
          until === Number.POSITIVE_INFINITY ? 'Infinity' : String(until),
          rows.map(({ id }) => id).join(','),
          sealed.join(','),
        ],
      )
    },
    async listRevocations(options: ListOptions): Promise<JournalPage> {
      return listJournal(connection, box, readListOptions(options), secondsOf(clock))
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const { revocations, revocationJournal: journal } = tables
      const ended = [revocations, journal].map(
        (table) => `EXISTS (SELECT 1 FROM ${table} WHERE until < ${forgettable})`,
      )
      const noted = 'revocations_forgotten'
      const before = forgettableBefore(secondsOf(clock))
      const until = await noteForgotten(connection, noted, ended.join(' OR '), before)
      if (until === undefined) return
      await forgetRows(connection, { table: revocations, noted, key: 'id, revoker', time: 'until' }, until, signal)
      await forgetRows(connection, { table: journal, noted, key: 'sequence', time: 'until' }, until, signal)
    },
  })
}

/** Lists a part of the journal. One statement sees the rows and the head of one moment. */
async function listJournal(
  { tables, ask }: PostgresConnection,
  box: EntryBox,
  { after, limit }: ListOptions,
  now: Timestamp,
): Promise<JournalPage> {
  const rows = await ask(
    `SELECT fingerprint, epoch, revocations_forgotten, name, head, sequence, encode(sealed, 'base64') AS sealed
     FROM ${tables.meta} CROSS JOIN ${tables.journalName} LEFT JOIN LATERAL (
       SELECT sequence, sealed FROM ${tables.revocationJournal}
       WHERE sequence > $1::bigint ORDER BY sequence LIMIT $2::bigint
     ) AS listed ON true ORDER BY sequence`,
    [String(after), String(limit)],
  )
  const [{ epoch, name, head, revocations_forgotten: forgotten }] = rows
  assertNotForgotten(Number(forgotten), now)
  if (typeof name !== 'string') throw otherForm()
  const entries = rows
    .filter(({ sealed }) => typeof sealed === 'string')
    .map(({ sequence, sealed }) => ({
      sequence: wholeNumber(sequence),
      entry: box.open(new Uint8Array(Buffer.from(String(sealed), 'base64'))),
    }))
  // A new epoch declares that the data may have lost its last writes, whose numbers are given again.
  return { journal: `${name}-${Number(epoch)}`, entries, head: wholeNumber(head) }
}

function wholeNumber(value: unknown): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw otherForm()
  return number
}
