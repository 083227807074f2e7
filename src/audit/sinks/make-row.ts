import { AuditError } from '../../errors.ts'
import type { IpldMap } from '../../ipld/value.ts'
import { isPromiseLike } from '../../support/promise.ts'
import type { AuditEvent } from '../events/event.ts'
import { type AuditRecord, formatRecord, type LogPosition, makeRecord, type Sha256 } from '../events/record.ts'

/** A record as a log stores it. */
export interface Row extends LogPosition {
  /** Hash of the previous record. */
  readonly previous: string
  /** The line of text, without its line feed. */
  readonly line: string
  readonly event: AuditEvent
}

/**
 * Makes the record of an event after a position.
 *
 * @param event - the result of `prepareEvent`.
 * @returns the record, or the error of an event that no line can contain.
 */
export function makeRow(after: LogPosition, event: IpldMap, sha256: (bytes: Uint8Array) => Uint8Array): Row | AuditError
/** The same, for an asynchronous hash. */
export function makeRow(
  after: LogPosition,
  event: IpldMap,
  sha256: Sha256,
): Row | AuditError | Promise<Row | AuditError>
/** Both forms. */
export function makeRow(
  after: LogPosition,
  event: IpldMap,
  sha256: Sha256,
): Row | AuditError | Promise<Row | AuditError> {
  const record = makeRecord(after, event, sha256)
  return isPromiseLike(record) ? record.then(rowOf) : rowOf(record)
}

function rowOf(record: AuditRecord): Row | AuditError {
  try {
    return { ...record, line: formatRecord(record) }
  } catch (cause) {
    if (cause instanceof AuditError) return cause
    throw cause
  }
}
