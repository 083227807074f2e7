// node only: reads logs
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import type { IntentEvent } from '../audit/events/event.ts'
import { type AuditRecord, parseRecord } from '../audit/events/record.ts'
import { readJsonlLines } from '../audit/sinks/jsonl/read-jsonl-log.ts'
import type { PostgresQueryable } from '../audit/sinks/postgres/pool.ts'
import { quote } from '../support/quote.ts'
import type { Host } from './host.ts'
import { type LogRow, rowOf } from './log-row.ts'
import { readInput, textIn } from './read-input.ts'
import { recentIntents } from './recent-intents.ts'
import { UsageError } from './usage-error.ts'
import { type Flags, textOf } from './verb.ts'

/** A log, read from its first record on. */
export interface LogSource {
  readonly name: string
  /** Yields the records that were added since the last reading, oldest first. */
  next(): AsyncGenerator<AuditRecord, void>
  /** The row of a record that `next` has yielded. */
  rowOf(record: AuditRecord): LogRow
  /** The intent with this id, among those that were read last. */
  intentOf(id: string): IntentEvent | undefined
  close(): Promise<void>
}

/**
 * The logs that a command line names: directories, or a database with its address in the environment or in a file.
 */
export async function logSources(
  directories: readonly string[],
  flags: Flags,
  host: Host,
): Promise<readonly LogSource[]> {
  const prefix = textOf(flags, 'prefix')
  const [address, file] = [await addressOf(flags, host), textOf(flags, 'sqlite')]
  if (address !== undefined || file !== undefined) {
    if (directories.length > 0 || (address !== undefined && file !== undefined))
      throw new UsageError('pass directories or a database, not both')
    const table = textOf(flags, 'table') ?? 'audit_log'
    return [file === undefined ? await databaseSource(address ?? '', table) : await sqliteSource(file, table)]
  }
  if (directories.length === 0)
    throw new UsageError(
      'the directory of the log is missing (of a gateway: `log` in its home folder), or --sqlite or --postgres',
    )
  return directories.map((directory) =>
    sourceOf(
      directory,
      (after) => readJsonlLines({ directory, from: after + 1, ...(prefix !== undefined && { prefix }) }),
      async () => undefined,
    ),
  )
}

/** The address of a database may contain a password, so it is not taken from the command line. */
async function addressOf(flags: Flags, host: Host): Promise<string | undefined> {
  if (flags['postgres'] !== true) return undefined
  const file = textOf(flags, 'url-file')
  const address =
    file === undefined ? host.env['PROCURA_LOG_URL'] : textIn(await readInput(file, 'the address', host))?.trim()
  if (address === undefined || address === '')
    throw new UsageError(
      '--postgres needs the address of the database in PROCURA_LOG_URL, or in the file of --url-file',
    )
  return address
}

async function sqliteSource(file: string, table: string): Promise<LogSource> {
  const { openSqliteLog } = await import('./sqlite-log.ts')
  const log = await openSqliteLog(file, table)
  return sourceOf(table, log.lines, async () => log.close())
}

async function databaseSource(address: string, table: string): Promise<LogSource> {
  const { readPostgresLines } = await import('../audit/sinks/postgres/postgres-audit-sink.ts')
  const client = await connect(address)
  return sourceOf(
    table,
    (after) => readPostgresLines(client, table, after),
    () => client.end(),
  )
}

interface PostgresClient extends PostgresQueryable {
  connect(): Promise<unknown>
  end(): Promise<void>
}

/** The package `pg` is not a dependency of this one: it is taken from the project in which the program runs. */
async function connect(connectionString: string): Promise<PostgresClient> {
  let path: string
  try {
    path = createRequire(join(process.cwd(), 'package.json')).resolve('pg')
  } catch {
    throw new UsageError('--postgres needs the package pg in this folder: npm install pg')
  }
  const { default: pg } = (await import(pathToFileURL(path).href)) as {
    default: { Client: new (options: { connectionString: string }) => PostgresClient }
  }
  const client = new pg.Client({ connectionString })
  await client.connect()
  return client
}

function sourceOf(
  name: string,
  lines: (after: number) => AsyncIterable<string>,
  close: () => Promise<void>,
): LogSource {
  const intents = recentIntents()
  let reached = 0
  return {
    name,
    async *next() {
      let isTorn = false
      for await (const line of lines(reached)) {
        // Text behind it would be hidden by a torn line in its place.
        if (isTorn) throw new Error(`a line of ${quote(name, 256)} is torn, and more follow; run procura audit verify`)
        // The last line of a log may be in the middle of a write; the next reading has it whole.
        isTorn = line.endsWith('\u2026')
        if (isTorn) continue
        const record = parseRecord(line)
        if (record.sequence <= reached) continue
        reached = record.sequence
        intents.add(record.event)
        yield record
      }
    },
    rowOf: ({ sequence, event }) => rowOf(event, { sequence, log: name }, intents.get),
    intentOf: intents.get,
    close,
  }
}
