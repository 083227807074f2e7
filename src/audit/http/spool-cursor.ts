// node only: uses node:fs
/**
 * How far a spool was delivered.
 *
 * @module
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { AuditError, quote } from '../../errors.ts'

/** A place in the files of a spool, behind the last record delivered. */
export interface SpoolCursor {
  /** Number of that record; 0 when none was. */
  readonly sequence: number
  /** File of the next record; empty when none was delivered. */
  readonly file: string
  /** Where it begins in that file. */
  readonly offset: number
}

/** Reads the cursor; the beginning when there is none. A broken one is an error: to begin anew would deliver twice. */
export function readCursor(path: string): SpoolCursor {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      return { sequence: 0, file: '', offset: 0 }
    throw cause
  }
  try {
    const { sequence, file, offset } = JSON.parse(text) as SpoolCursor
    if (Number.isSafeInteger(sequence) && typeof file === 'string' && Number.isSafeInteger(offset)) {
      return { sequence, file, offset }
    }
  } catch {
    // Told below, together with json of another shape.
  }
  throw new AuditError('ERR_AUDIT_INTEGRITY', `${quote(path, 256)} does not say how far the spool was delivered`)
}

/** Replaces the cursor, whole or not at all. */
export function writeCursor(path: string, cursor: SpoolCursor): void {
  const next = `${path}.next`
  writeFileSync(next, JSON.stringify(cursor), { mode: 0o600 })
  renameSync(next, path)
}
