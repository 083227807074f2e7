// node only: uses node:buffer and node:fs/promises
/**
 * Reads a file of a log from its end.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { type FileHandle, open } from 'node:fs/promises'
import { AuditError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import { type AuditRecord, maxLineLength, parseRecord } from '../../events/record.ts'
import { assertPrivate, privately } from './assert-private.ts'
import { stateFrom } from './log-files.ts'

const blockLength = 256 * 1024

/**
 * Yields the records of a file in pages, the last record first. Text after the last line feed is omitted: it is
 * incomplete.
 *
 * @throws MalformedError at a line that is not a record; AuditError when the file is not private.
 */
export async function* readBackwards(path: string): AsyncGenerator<readonly AuditRecord[], void> {
  const file = await opened(path)
  if (file === undefined) return
  try {
    const state = stateFrom(await file.stat())
    assertPrivate(path, state)
    /** The end of a line that begins in an earlier block; undefined before the first line feed. */
    let rest: string | undefined
    for (let end = state.size; end > 0; ) {
      const start = Math.max(0, end - blockLength)
      const pieces = (await textAt(file, start, end - start)).split('\n')
      const last = pieces.pop() ?? ''
      // The line whose end was read before, and the lines that are complete in this block, except its first one.
      if (rest !== undefined) pieces.push(last + rest)
      rest = pieces.length > 0 ? pieces.shift() : undefined
      if ((rest ?? '').length > 2 * maxLineLength) {
        throw new AuditError(
          'ERR_AUDIT_INTEGRITY',
          `${quote(path, 256)} has a line that is longer than a record can be`,
        )
      }
      if (start === 0 && rest !== undefined) pieces.unshift(rest)
      yield pieces.reverse().map(parseRecord)
      end = start
    }
  } finally {
    await file.close()
  }
}

/** Undefined if the file was removed meanwhile. */
async function opened(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, privately)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Records are ASCII; latin1 keeps any other byte as one character, which no record has. */
async function textAt(file: FileHandle, position: number, length: number): Promise<string> {
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, position)
  return buffer.toString('latin1', 0, bytesRead)
}
