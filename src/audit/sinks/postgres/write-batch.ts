import { AuditError } from '../../../errors.ts'
import { isPromiseLike } from '../../../support/promise.ts'
import type { EventDraft, RecordHashing } from '../../events/draft.ts'
import { intentEndedBy, intentNamedBy } from '../../events/event.ts'
import { beginning, type LogPosition } from '../../events/record.ts'
import { alreadySettled } from '../../sink.ts'
import type { Written } from '../group-commit.ts'
import { makeRow } from '../make-row.ts'
import { insertion, type Row } from './insertion.ts'
import type { PostgresQueryable } from './pool.ts'

/** A log in PostgreSQL, and the knowledge of its sink. */
export interface PostgresLog {
  readonly table: string
  /** Name of the sink, for messages. */
  readonly name: string
  readonly hashing: RecordHashing
  /** The last record that this sink wrote or read; undefined at first, and after an error. */
  last: LogPosition | undefined
  /** Whether no other writer was seen, on a client that answers several statements of one query. */
  alone: boolean
}

/** The records of a batch, and the answers to all of its events. */
interface Batch {
  readonly rows: readonly Row[]
  readonly results: Written
}

/**
 * Writes events as records in one transaction: in one round trip while this sink is the only writer, and otherwise in
 * four.
 *
 * @returns for each event its record, or the error of one that is refused by itself: an event about an intent that has
 *   its end on record, or one that a line cannot contain. The other events of the transaction are of other calls.
 * @throws errors of the connection, when no event is recorded for certain.
 */
export async function writeBatch(
  connection: PostgresQueryable,
  log: PostgresLog,
  events: readonly EventDraft[],
): Promise<Written> {
  const { last, alone } = log
  log.last = undefined
  const written = alone && last !== undefined ? await writeAfter(connection, log, last, events) : undefined
  return written ?? writeInTurn(connection, log, last, events)
}

/**
 * Writes events after the record that this sink wrote last. The server compares it with the last one in the table, and
 * looks for ends of the named intents, in the transaction that inserts the records.
 *
 * @returns undefined when the server found another record, or an end, and inserted nothing.
 */
async function writeAfter(
  connection: PostgresQueryable,
  log: PostgresLog,
  last: LogPosition,
  events: readonly EventDraft[],
): Promise<Written | undefined> {
  const { rows, results } = await makeRows(log, last, events, new Map())
  if (rows.length > 0) {
    const statements = [...turnOf(log), insertion(log.table, { after: last.hash, rows, intents: intentsOf(events) })]
    const answers = answersIn(await connection.query(`${statements.join(';\n')};\nCOMMIT`))
    if (answers?.[statements.length - 1]?.rows.length !== rows.length) return undefined
  }
  log.last = rows.at(-1) ?? last
  return results
}

/** Writes events after the last record in the table, which is read in the turn of this writer. */
async function writeInTurn(
  connection: PostgresQueryable,
  log: PostgresLog,
  before: LogPosition | undefined,
  events: readonly EventDraft[],
): Promise<Written> {
  const { table } = log
  const select = `SELECT sequence, hash FROM ${table} ORDER BY sequence DESC LIMIT 1`
  const answers = answersIn(await connection.query([...turnOf(log), select].join(';\n')))
  // A client other than `pg` may return the answer to the last or the first statement, so the record is read again.
  const answer = answers?.at(-1) ?? (await connection.query(select))
  const found = positionOf(answer.rows[0])
  const { rows, results } = await makeRows(log, found, events, await readEnded(connection, table, events))
  if (rows.length > 0) await insert(connection, table, rows)
  await connection.query('COMMIT')
  log.alone = answers !== undefined && (before === undefined || before.hash === found.hash)
  log.last = rows.at(-1) ?? found
  return results
}

/** Statements that begin a transaction and wait for the turn of this writer. */
function turnOf({ table }: PostgresLog): readonly string[] {
  return [
    // Each statement must see all earlier commits, beginning with the lock.
    'BEGIN ISOLATION LEVEL READ COMMITTED',
    // The second setting ends the transaction of a suspended writer, which would block all others.
    "SELECT set_config('synchronous_commit', 'on', true), set_config('idle_in_transaction_session_timeout', '5000', true)",
    // AUD-33: not an advisory lock, which any role that may connect can take.
    `LOCK TABLE ${table}_turn IN SHARE ROW EXCLUSIVE MODE`,
  ]
}

/** The answers to the statements of one query, of which `pg` makes a list. */
function answersIn(answer: unknown): readonly { readonly rows: readonly unknown[] }[] | undefined {
  return Array.isArray(answer) ? answer : undefined
}

async function makeRows(
  { name, hashing }: PostgresLog,
  after: LogPosition,
  events: readonly EventDraft[],
  ended: Map<string, number>,
): Promise<Batch> {
  const rows: Row[] = []
  const results: (LogPosition | AuditError)[] = []
  let last = after
  for (const draft of events) {
    const intent = intentNamedBy(draft.event)
    const before = intent === undefined ? undefined : ended.get(intent)
    const made = before === undefined ? makeRow(last, draft, hashing) : alreadySettled(name, before)
    const row = isPromiseLike(made) ? await made : made
    results.push(row)
    if (row instanceof AuditError) continue
    const outcomeOf = intentEndedBy(draft.event)
    if (outcomeOf !== undefined) ended.set(outcomeOf, row.sequence)
    rows.push({ ...row, outcomeOf })
    last = row
  }
  return { rows, results }
}

async function insert(connection: PostgresQueryable, table: string, rows: readonly Row[]): Promise<void> {
  await connection.query(
    `INSERT INTO ${table} (sequence, hash, previous, line, outcome_of)
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[])`,
    [
      rows.map(({ sequence }) => sequence),
      rows.map(({ hash }) => hash),
      rows.map(({ previous }) => previous),
      rows.map(({ line }) => line),
      rows.map(({ outcomeOf }) => outcomeOf ?? null),
    ],
  )
}

/** The intents of a batch that have their end on record, with the number of that record. */
async function readEnded(
  connection: PostgresQueryable,
  table: string,
  events: readonly EventDraft[],
): Promise<Map<string, number>> {
  const intents = intentsOf(events)
  if (intents.length === 0) return new Map()
  const select = `SELECT outcome_of, sequence FROM ${table} WHERE outcome_of = ANY($1::text[])`
  const rows = (await connection.query(select, [intents])).rows as readonly EndedRow[]
  return new Map(rows.map((row) => [row.outcome_of, Number(row.sequence)]))
}

interface EndedRow {
  readonly outcome_of: string
  readonly sequence: string
}

function intentsOf(events: readonly EventDraft[]): readonly string[] {
  return events.flatMap(({ event }) => intentNamedBy(event) ?? [])
}

function positionOf(row: unknown): LogPosition {
  if (row === undefined) return beginning
  const { sequence, hash } = row as { readonly sequence: string | number; readonly hash: string }
  return { sequence: Number(sequence), hash }
}
