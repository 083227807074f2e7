import { AuditError } from '../../../errors.ts'
import { isPromiseLike } from '../../../support/promise.ts'
import { quote } from '../../../support/quote.ts'
import { isBusy, type SqliteDatabase, type Statement } from '../../../support/sqlite.ts'
import type { EventDraft, RecordHashing } from '../../events/draft.ts'
import { intentEndedBy, intentNamedBy } from '../../events/event.ts'
import { beginning, type LogPosition } from '../../events/record.ts'
import { alreadySettled } from '../../sink.ts'
import type { Written } from '../group-commit.ts'
import { makeRow } from '../make-row.ts'

/** A log in SQLite, with its statements. */
export interface SqliteLog {
  readonly database: SqliteDatabase
  /** Name of the sink, for messages. */
  readonly name: string
  readonly hashing: RecordHashing
  /** Selects the last record. */
  readonly last: Statement
  /** Selects the record that ends an intent. */
  readonly ended: Statement
  readonly insert: Statement
  /** Hash of the last record that this sink wrote or read; undefined at first. */
  known: string | undefined
  /**
   * When a record of another writer was read, as `performance.now` reports it; negative infinity before the first one.
   */
  othersAt: number
}

/**
 * Writes events as records in one transaction. An event that the table refuses fails alone: the events before it are
 * written without it, in another transaction, and those after it are left for the next batch.
 *
 * @returns for the first events, or all of them, a record or an error.
 * @throws errors of the database, when no event is recorded.
 */
export async function writeBatch(log: SqliteLog, events: readonly EventDraft[]): Promise<Written> {
  const done = await writeTransaction(log, events)
  if (!(done instanceof RefusedRow)) return done
  const { index, cause } = done
  const before = index === 0 ? [] : await writeBatch(log, events.slice(0, index))
  return before.length < index ? before : [...before, unwritten(log.name, cause)]
}

/** The error of an event that the database did not take. */
export function unwritten(name: string, cause: unknown): AuditError {
  return new AuditError('ERR_AUDIT_UNCONFIRMED', `the database ${quote(name)} did not take a record`, { cause })
}

/** The insertion of one event failed. The transaction was rolled back. */
class RefusedRow {
  readonly index: number
  readonly cause: unknown

  constructor(index: number, cause: unknown) {
    this.index = index
    this.cause = cause
  }
}

/** With a synchronous hash it does not wait, so no other statement of this connection comes in between. */
async function writeTransaction(log: SqliteLog, events: readonly EventDraft[]): Promise<Written | RefusedRow> {
  const { database, insert } = log
  const results: (LogPosition | AuditError)[] = []
  database.exec('BEGIN IMMEDIATE')
  try {
    const before = positionOf(log.last.all()[0])
    if (log.known !== undefined && log.known !== before.hash) log.othersAt = performance.now()
    let last = before
    for (const [index, draft] of events.entries()) {
      const made = settledBefore(log, draft) ?? makeRow(last, draft, log.hashing)
      const row = isPromiseLike(made) ? await made : made
      results.push(row)
      if (row instanceof AuditError) continue
      const { sequence, hash, previous, line } = row
      try {
        insert.run(sequence, hash, previous, line, intentEndedBy(draft.event) ?? '')
      } catch (cause) {
        rollBack(database)
        if (isBusy(cause)) throw cause
        return new RefusedRow(index, cause)
      }
      last = row
    }
    database.exec('COMMIT')
    log.known = last.hash
    return results
  } catch (cause) {
    rollBack(database)
    throw cause
  }
}

/** The error of an event about an intent that has its end on record, which the transaction reads. */
function settledBefore({ ended, name }: SqliteLog, { event }: EventDraft): AuditError | undefined {
  const intent = intentNamedBy(event)
  const [before] = intent === undefined ? [] : ended.all(intent)
  return before === undefined ? undefined : alreadySettled(name, positionOf(before).sequence)
}

function positionOf(row: unknown): LogPosition {
  if (row === undefined) return beginning
  const { sequence, hash } = row as { readonly sequence: number | bigint; readonly hash: string }
  return { sequence: Number(sequence), hash }
}

function rollBack(database: SqliteDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has rolled back automatically, as it does when the disk is full.
  }
}
