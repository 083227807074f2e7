// node only: uses node:fs
/**
 * Reading a log in files, while it is written or afterwards.
 *
 * @module
 */

import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { AuditError } from '../../../errors.ts'
import { maybe, nonEmptyString, readOptions } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type AuditRecord, maxLineLength, parseRecord } from '../../events/record.ts'
import { segmentsAmong } from './segment-name.ts'

/** Options of {@link readJsonlLines}. */
export interface ReadJsonlOptions {
  /** Where the files are. */
  readonly directory: string
  /** What their names begin with. Default `audit`. */
  readonly prefix?: string
}

/** Ends a line that has no line feed. No record has this character, so that the line is not taken for a whole one. */
const unfinished = '\u2026'

/**
 * The lines of all files of a log, oldest first: for `verifyAuditLog`. Text behind the last line feed of a file comes
 * as a line that ends with `…`, which no record has: the verifier reports it as torn. LOG-13
 *
 * @throws ArgumentError when an option is not of its type, AuditError when the directory cannot be read.
 */
export async function* readJsonlLines(options: ReadJsonlOptions): AsyncGenerator<string, void> {
  readOptions('readJsonlLines', options, { directory: nonEmptyString, prefix: maybe(nonEmptyString) })
  const { directory, prefix = 'audit' } = options
  for (const { file } of segmentsAmong(namesIn(directory), prefix)) {
    const path = join(directory, file)
    let rest = ''
    // Records are ASCII; latin1 keeps any other byte as one character, which is then found not to be a record.
    for await (const chunk of createReadStream(path, { encoding: 'latin1', highWaterMark: 256 * 1024 })) {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
      if (rest.length > 2 * maxLineLength) {
        throw new AuditError('ERR_AUDIT_INTEGRITY', `${quote(path, 256)} has a line that no log has`)
      }
    }
    if (rest !== '') yield rest + unfinished
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (cause) {
    const says = `\`directory\` ${quote(directory, 256)} cannot be read; name the folder that holds the log`
    throw new AuditError('ERR_AUDIT_CONFIGURATION', says, { cause })
  }
}

/**
 * The records of all files of a log, oldest first: for `recoverIntents` and for exports. Their hashes are not checked.
 *
 * @throws MalformedError at a line that is not a record or has no line feed; read the log before it is opened for
 *   writing, or after.
 */
export async function* readJsonlRecords(options: ReadJsonlOptions): AsyncGenerator<AuditRecord, void> {
  for await (const line of readJsonlLines(options)) yield parseRecord(line)
}
