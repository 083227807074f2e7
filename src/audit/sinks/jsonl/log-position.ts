// node only: uses node:crypto
/**
 * Positions in a log, from the ends of its files.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { backend as platform } from '#backend'
import type { IpldMap } from '../../../core/ipld/value.ts'
import { AuditError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import { type AuditRecord, beginning, type LogPosition, makeRecord, parseRecord } from '../../events/record.ts'
import type { SynchronousHashing } from '../make-row.ts'
import type { Tail } from './read-tail.ts'

/** The hash of the chain of records. */
function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

/** The same, and as hexadecimal digits. */
export const hashing: SynchronousHashing = Object.freeze({ sha256, sha256Hex: platform.sha256Hex })

/** The position at the end of a file; the beginning if it has no record. */
export function positionOf({ record }: Tail, file: string): LogPosition {
  if (record === undefined) return beginning
  if (!isWhole(record)) throw damaged(file)
  return { sequence: record.sequence, hash: record.hash }
}

function isWhole({ sequence, previous, event, hash }: AuditRecord): boolean {
  const again = makeRecord({ sequence: sequence - 1, hash: previous }, event as unknown as IpldMap, sha256)
  return again.hash === hash
}

/** The position after a last line without a line feed; undefined if it is not the complete record after `after`. */
export function completedBy(line: Uint8Array, after: LogPosition): LogPosition | undefined {
  try {
    const record = parseRecord(new TextDecoder('latin1').decode(line))
    const { sequence, previous, hash } = record
    return sequence === after.sequence + 1 && previous === after.hash && isWhole(record)
      ? { sequence, hash }
      : undefined
  } catch {
    return undefined
  }
}

/** The error for a file that does not continue the file before it. */
export function damaged(file: string): AuditError {
  return new AuditError(
    'ERR_AUDIT_INTEGRITY',
    `${quote(file, 128)} does not continue the log; verify the log before you open it again`,
  )
}
