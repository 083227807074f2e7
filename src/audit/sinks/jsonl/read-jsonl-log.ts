// node only: uses node:fs
/**
 * Reads a log in files, during writing or afterwards.
 *
 * @module
 */

import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from '../../../errors.ts'
import { integerFrom, nonEmptyString, readOptions, withDefault } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type AuditRecord, maxLineLength, parseRecord } from '../../events/record.ts'
import { segmentsAmong } from './segment-name.ts'

/** Options of {@link readJsonlLines}. */
export interface ReadJsonlOptions {
  /** Where the files are. */
  readonly directory: string
  /** The beginning of their names. Default `audit`. */
  readonly prefix?: string
  /** Leaves out the files that contain only records before this number, to continue a reading. Default 1. */
  readonly from?: number
}

/**
 * Appended to a line without a line feed. No record has this character, so the line is not taken for a complete one.
 */
const unfinished = '\u2026'

/**
 * Yields the lines of all files of a log, oldest first, for `verifyAuditLog`. Text after the last line feed of a file
 * is a line that ends with `…`, which the verifier reports as torn. LOG-13
 *
 * @throws ArgumentError when an option is invalid; AuditError when the directory cannot be read.
 */
export async function* readJsonlLines(options: ReadJsonlOptions): AsyncGenerator<string, void> {
  const { directory, prefix, from } = readOptions('readJsonlLines', options, {
    directory: nonEmptyString,
    prefix: withDefault(nonEmptyString, 'audit'),
    from: withDefault(integerFrom(1), 1),
  })
  const segments = segmentsAmong(namesIn(directory), prefix)
  for (const [at, { file }] of segments.entries()) {
    const next = segments[at + 1]
    if (next !== undefined && next.first <= from) continue
    const path = join(directory, file)
    let rest = ''
    // Records are ASCII; latin1 keeps any other byte as one character, which no record has.
    for await (const chunk of createReadStream(path, { encoding: 'latin1', highWaterMark: 256 * 1024 })) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
      if (rest.length > 2 * maxLineLength) {
        throw new AuditError(
          'ERR_AUDIT_INTEGRITY',
          `${quote(path, 256)} has a line that is longer than a record can be`,
        )
      }
    }
    if (rest !== '') yield rest + unfinished
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (cause) {
    const { code } = Object(cause) as { readonly code?: unknown }
    const known = code === 'ENOENT' ? 'does not exist' : code === 'ENOTDIR' ? 'is not a directory' : undefined
    const fault = known ?? `cannot be read (${String(code)})`
    const message = `\`directory\` ${quote(directory, 256)} ${fault}; name the directory of the log`
    throw new AuditError('ERR_AUDIT_CONFIGURATION', message, { cause })
  }
}

/**
 * Yields the records of all files of a log, oldest first, for exports. Their hashes are not verified.
 *
 * @throws MalformedError at a line that is not a record, or lacks its line feed, as during a write.
 */
export async function* readJsonlRecords(options: ReadJsonlOptions): AsyncGenerator<AuditRecord, void> {
  for await (const line of readJsonlLines(options)) yield parseRecord(line)
}
