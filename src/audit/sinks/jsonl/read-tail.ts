// node only: reads files, through LogFiles
/**
 * The end of a file of a log: its last record, and the rest of an interrupted write.
 *
 * @module
 */

import { AuditError, MalformedError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import { type AuditRecord, maxLineLength, parseRecord } from '../../events/record.ts'
import type { LogFiles } from './log-files.ts'

/** The end of a file. */
export interface Tail {
  /** The last complete record; undefined if the file has none. */
  readonly record?: AuditRecord
  /** Length of the complete records. */
  readonly end: number
  /** The bytes after them: a line without its line feed. */
  readonly torn?: Uint8Array
}

const newline = 0x0a

/**
 * Reads the end of a file. The cost does not depend on its length. AUD-15
 *
 * @throws AuditError when the last complete line is not a record, which no interrupted write leaves.
 */
export function readTail(files: LogFiles, file: number, name: string): Tail {
  const { size } = files.stateOf(file)
  const length = Math.min(size, 2 * (maxLineLength + 1))
  const bytes = files.read(file, size - length, length)
  const last = bytes.lastIndexOf(newline)
  if (last < 0 && size > maxLineLength) throw damaged(name)
  const torn = last + 1 < bytes.length ? { torn: bytes.subarray(last + 1) } : {}
  if (last < 0) return { end: 0, ...torn }
  const start = bytes.lastIndexOf(newline, last - 1) + 1
  if (last === 0 || (start === 0 && length < size)) throw damaged(name)
  return { record: recordIn(bytes.subarray(start, last), name), end: size - length + last + 1, ...torn }
}

function recordIn(line: Uint8Array, name: string): AuditRecord {
  try {
    return parseRecord(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line))
  } catch (cause) {
    if (cause instanceof MalformedError || cause instanceof TypeError) throw damaged(name, cause)
    throw cause
  }
}

function damaged(name: string, cause?: unknown): AuditError {
  return new AuditError(
    'ERR_AUDIT_INTEGRITY',
    `the last line of ${quote(name, 128)} is not a record; verify the log before you open it again`,
    {
      cause,
    },
  )
}
