// node only: uses node:fs
/**
 * The position up to which a spool was delivered.
 *
 * @module
 */

import * as fs from 'node:fs'
import { join } from 'node:path'
import { replaceDurableFile } from '../../../support/durable-file.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import type { LoggedEvent } from '../../history.ts'
import { assertPrivate, privately } from '../jsonl/assert-private.ts'
import { stateFrom } from '../jsonl/log-files.ts'
import { segmentsAmong } from '../jsonl/segment-name.ts'
import { isOpenList } from './open-after.ts'

/** A position in the files of a spool, after the last record delivered. */
export interface SpoolCursor {
  /** Number of that record; 0 if none was delivered. */
  readonly sequence: number
  /** File of the next record; empty if none was delivered. */
  readonly file: string
  /** Position of the next record in that file. */
  readonly offset: number
  /** The delivered intents without a delivered outcome. */
  readonly open: readonly LoggedEvent[]
}

/**
 * Reads the cursor of a spool whose lock is held. AUD-31: if it is missing, empty or torn, delivery begins with the
 * first file, because delivered files were removed. The open intents of those files are then in the log of the endpoint
 * only.
 *
 * @throws AuditError when others may access the file; errors of `node:fs` when it cannot be read, or is a symbolic
 *   link.
 */
export function readCursor(directory: string, prefix: string): SpoolCursor {
  const found = parseCursor(textOf(cursorPath(directory, prefix)))
  if (found !== undefined) return found
  const [first] = segmentsAmong(fs.readdirSync(directory), prefix)
  return { sequence: (first?.first ?? 1) - 1, file: first?.file ?? '', offset: 0, open: [] }
}

/**
 * Replaces the cursor atomically, even if the power is lost. No link is followed.
 *
 * @returns whether it was replaced: a process that has lost the lock of the spool changes nothing. AUD-40
 */
export async function writeCursor(
  directory: string,
  prefix: string,
  cursor: SpoolCursor,
  lock: HeldLock,
): Promise<boolean> {
  return replaceDurableFile(cursorPath(directory, prefix), JSON.stringify(cursor), lock)
}

/** The path of the cursor. */
export function cursorPath(directory: string, prefix: string): string {
  return join(directory, `${prefix}.cursor`)
}

function textOf(path: string): string {
  let file: number
  try {
    file = fs.openSync(path, privately)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
  try {
    assertPrivate(path, stateFrom(fs.fstatSync(file)))
    return fs.readFileSync(file, 'utf8')
  } finally {
    fs.closeSync(file)
  }
}

function parseCursor(text: string): SpoolCursor | undefined {
  try {
    const { sequence, file, offset, open = [] } = JSON.parse(text) as SpoolCursor
    const wellFormed = isCount(sequence) && typeof file === 'string' && isCount(offset) && isOpenList(open)
    return wellFormed ? { sequence, file, offset, open } : undefined
  } catch {
    return undefined
  }
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
