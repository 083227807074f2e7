// node only: uses node:fs
/**
 * The next records of a spool.
 *
 * @module
 */

import * as fs from 'node:fs'
import { join } from 'node:path'
import { AuditError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import { parseRecord } from '../../events/record.ts'
import type { LoggedEvent } from '../../history.ts'
import { assertPrivate, privately } from '../jsonl/assert-private.ts'
import { stateFrom } from '../jsonl/log-files.ts'
import { segmentsAmong } from '../jsonl/segment-name.ts'
import { openAfter } from './open-after.ts'
import type { SpoolCursor } from './spool-cursor.ts'

/** Records that are sent together. */
export interface RecordBatch {
  /** Complete lines, each with its line feed. */
  readonly body: string
  readonly first: number
  readonly last: number
  /** The position after them. */
  readonly next: SpoolCursor
}

/** The records to take. */
export interface BatchLimits {
  /** The last confirmed record. Later ones may still be cut off. */
  readonly confirmed: number
  readonly maxRecords: number
  readonly maxBytes: number
}

/**
 * Reads the records after a position, from one file; undefined if there are none.
 *
 * @throws AuditError when the records do not continue from the position.
 */
export function readBatch(
  directory: string,
  prefix: string,
  cursor: SpoolCursor,
  limits: BatchLimits,
): RecordBatch | undefined {
  const segments = segmentsAmong(fs.readdirSync(directory), prefix)
  for (const { file } of segments) {
    if (file < cursor.file) continue
    const offset = file === cursor.file ? cursor.offset : 0
    const batch = batchIn(directory, file, offset, cursor, limits)
    if (batch !== undefined) return batch
  }
  return undefined
}

/** Removes the files whose records were all delivered, except the one that is written. */
export function removeDelivered(directory: string, prefix: string, cursor: SpoolCursor): void {
  for (const { file } of segmentsAmong(fs.readdirSync(directory), prefix)) {
    if (file < cursor.file) fs.rmSync(join(directory, file))
  }
}

function batchIn(
  directory: string,
  file: string,
  offset: number,
  { sequence: delivered, open }: SpoolCursor,
  { confirmed, maxRecords, maxBytes }: BatchLimits,
): RecordBatch | undefined {
  const text = readAt(join(directory, file), offset, maxBytes)
  let body = ''
  const records: LoggedEvent[] = []
  let last = delivered
  for (let count = 0; count < maxRecords; count++) {
    const end = text.indexOf('\n', body.length)
    if (end < 0) break
    const { sequence, event } = parseRecord(text.slice(body.length, end))
    if (sequence > confirmed) break
    if (sequence !== last + 1) {
      throw new AuditError(
        'ERR_AUDIT_INTEGRITY',
        `${quote(file)} has record ${sequence} in the place of record ${last + 1}`,
      )
    }
    body = text.slice(0, end + 1)
    last = sequence
    records.push({ sequence, event })
  }
  if (body === '') return undefined
  const next = { sequence: last, file, offset: offset + body.length, open: openAfter(open, records) }
  return { body, first: delivered + 1, last, next }
}

/** Records are ASCII: a byte is a character. */
function readAt(path: string, offset: number, length: number): string {
  const file = fs.openSync(path, privately)
  try {
    assertPrivate(path, stateFrom(fs.fstatSync(file)))
    const buffer = new Uint8Array(length)
    const got = fs.readSync(file, buffer, 0, length, offset)
    return new TextDecoder('latin1').decode(buffer.subarray(0, got))
  } finally {
    fs.closeSync(file)
  }
}
