// node only: reads logs
import { join } from 'node:path'
import type { AuditRecord, IntentEvent } from 'procura/audit'
import { readJsonlLines } from 'procura/audit/jsonl'
import { parseRecord } from 'procura/audit/verify'
import { MalformedError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { fileStamp } from '../gateway/file-stamp.ts'
import { exists } from '../home/home-files.ts'
import type { Host } from '../host.ts'
import { connectPostgres, databaseAddress } from '../stores/postgres.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { type LogRow, rowOf } from './log-row.ts'
import { recentIntents } from './recent-intents.ts'

/** A log, read from its first record on. */
export interface LogSource {
  readonly name: string
  /** Whether it may have more records than at the last look. Of a database, always. */
  hasChanged(): Promise<boolean>
  /** Yields the records that were added since the last reading, oldest first. */
  next(): AsyncGenerator<AuditRecord, void>
  /** The row of a record that `next` has yielded. */
  rowOf(record: AuditRecord): LogRow
  /** The intent with this id, among those that were read last. */
  intentOf(id: string): IntentEvent | undefined
  close(): Promise<void>
}

/** A log, as lines. */
export interface LogLines {
  readonly name: string
  /** The command line that verifies it, in backticks. */
  readonly verify: string
  /** Yields the lines after a sequence number, oldest first. Of a log in files, perhaps some before it as well. */
  lines(after: number): AsyncIterable<string>
  /** A word that changes with each change of its files. Absent for a database. */
  stamp?(): Promise<string>
  close(): Promise<void>
}

/** The logs that a command line names, read from their first record on. */
export async function logSources(
  directories: readonly string[],
  flags: Flags,
  host: Host,
): Promise<readonly LogSource[]> {
  return (await openLogs(directories, flags, host)).map((log) => sourceOf(log, host))
}

/**
 * The logs that a command line names: directories, or a database with its address in the environment or in a file.
 */
export async function openLogs(directories: readonly string[], flags: Flags, host: Host): Promise<readonly LogLines[]> {
  const prefix = textOf(flags, 'prefix')
  const file = textOf(flags, 'sqlite')
  checkPlace(flags)
  const address = flags['postgres'] === true ? await databaseAddress(flags, host, 'PROCURA_LOG_URL') : undefined
  if (address !== undefined || file !== undefined) {
    if (directories.length > 0) throw new UsageError('pass directories or a database, not both')
    const table = textOf(flags, 'table') ?? 'audit_log'
    const log = file === undefined ? await openDatabase(address ?? '', table) : await openSqlite(file, table)
    return [{ ...log, verify: verifying([], flags) }]
  }
  if (directories.length === 0)
    throw new UsageError(
      'the directory of the log is missing (of a gateway: `log` in its home folder), or --sqlite or --postgres',
    )
  const isFollowed = flags['follow'] === true
  return directories.map((directory) => ({
    name: directory,
    verify: verifying([directory], flags),
    async *lines(after) {
      // LOG-20: its service may not have begun it.
      if (isFollowed && !(await exists(directory))) return
      yield* readJsonlLines({ directory, from: after + 1, ...(prefix !== undefined && { prefix }) })
    },
    stamp: () => stampOf(directory),
    close: async () => undefined,
  }))
}

async function stampOf(directory: string): Promise<string> {
  const names = (await namesInFolder(directory)).filter((name) => name.endsWith('.jsonl')).sort()
  const stamps = await Promise.all(names.map((name) => fileStamp(join(directory, name))))
  return names.map((name, at) => `${name} ${stamps[at]}`).join(' ')
}

function verifying(directories: readonly string[], flags: Flags): string {
  const options = ['prefix', 'sqlite', 'url-file', 'table'].flatMap((name) => {
    const value = textOf(flags, name)
    return value === undefined ? [] : [`--${name}`, value]
  })
  const words = [...directories, ...(flags['postgres'] === true ? ['--postgres'] : []), ...options]
  return `\`procura audit verify ${words.map(shellQuoted).join(' ')}\``
}

/** An option without an effect would show another log than the caller expects. */
function checkPlace(flags: Flags): void {
  const [isPostgres, isSqlite] = [flags['postgres'] === true, textOf(flags, 'sqlite') !== undefined]
  if (isPostgres && isSqlite) throw new UsageError('pass --sqlite or --postgres, not both')
  if (textOf(flags, 'url-file') !== undefined && !isPostgres) throw new UsageError('--url-file is for --postgres')
  if (textOf(flags, 'table') !== undefined && !isPostgres && !isSqlite)
    throw new UsageError('--table is for --sqlite and --postgres')
  if (textOf(flags, 'prefix') !== undefined && (isPostgres || isSqlite))
    throw new UsageError('--prefix is for a log in files')
}

/** The fault of logs without any record: perhaps they are not the intended ones. */
export function noRecordIn(sources: readonly { readonly name: string }[], flags: Flags): UsageError {
  const names = sources.map(({ name }) => quote(name, 256)).join(', ')
  const isDatabase = flags['postgres'] === true || textOf(flags, 'sqlite') !== undefined
  const files = `, in files that begin with ${quote(textOf(flags, 'prefix') ?? 'audit')}`
  return new UsageError(`no record in ${names}${isDatabase ? '' : files}`)
}

async function openSqlite(file: string, table: string): Promise<Omit<LogLines, 'verify'>> {
  const { openSqliteLog } = await import('./sqlite-log.ts')
  const log = await openSqliteLog(file, table)
  return { name: table, lines: log.lines, close: async () => log.close() }
}

async function openDatabase(address: string, table: string): Promise<Omit<LogLines, 'verify'>> {
  const { readPostgresLines } = await import('procura/audit/postgres')
  const client = await connectPostgres(address)
  return { name: table, lines: (after) => readPostgresLines(client, table, after), close: () => client.end() }
}

/** The records of lines. The last one may be in the middle of a write; the next reading has it whole. */
export async function* recordsOf(
  lines: AsyncIterable<string>,
  { name, verify }: LogLines,
): AsyncGenerator<AuditRecord, void> {
  let last: AuditRecord | undefined
  let isTorn = false
  for await (const line of lines) {
    // Text behind it would be hidden by a torn line in its place.
    if (isTorn) throw new Error(`a line of ${quote(name, 256)} is incomplete, and more lines follow; run ${verify}`)
    isTorn = line.endsWith('\u2026')
    if (isTorn) continue
    try {
      last = parseRecord(line)
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error
      const place = last === undefined ? 'the first line' : `the line after record ${last.sequence}`
      throw new Error(
        `${place} of ${quote(name, 256)} is not a record (${error.message}); ${verify} reports the first fault of the log`,
        { cause: error },
      )
    }
    yield last
  }
}

function sourceOf(log: LogLines, host: Host): LogSource {
  const { name, lines, close } = log
  const intents = recentIntents()
  let reached = 0
  let first: string | undefined
  let stamp: string | undefined

  async function* unread(): AsyncGenerator<AuditRecord, void> {
    let last = 0
    for await (const record of recordsOf(lines(reached), log)) {
      last = record.sequence
      if (last <= reached) continue
      first ??= record.event.id
      reached = last
      intents.add(record.event)
      yield record
    }
    // LOG-20
    if (last === 0 || last >= reached) return
    const isSame = (await firstOf(recordsOf(lines(0), log))) === first
    host.complain(`warning: ${quote(name, 256)} ${isSame ? `was cut off; run ${log.verify}` : 'was begun again'}`)
    reached = isSame ? last : 0
    if (isSame) return
    first = undefined
    yield* unread()
  }

  return {
    name,
    async hasChanged() {
      const [before, now] = [stamp, await log.stamp?.()]
      stamp = now
      return now === undefined || now !== before
    },
    next: unread,
    rowOf: ({ sequence, event }) => rowOf(event, { sequence, log: name }, intents.get),
    intentOf: intents.get,
    close,
  }
}

async function firstOf(records: AsyncGenerator<AuditRecord, void>): Promise<string | undefined> {
  for await (const { event } of records) return event.id
  return undefined
}
