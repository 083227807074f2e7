// node only: prepares databases
import { open } from 'node:fs/promises'
import { systemClock } from 'procura'
import { postgresAuditSchema } from 'procura/audit/postgres'
import { postgresStoreSchema, preparePostgresStores } from 'procura/store/postgres'
import { prepareSqliteStores } from 'procura/store/sqlite'
import { quote } from '#support/quote.ts'
import type { Host } from '../host.ts'
import { readMoment, showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { databaseAddress, type PostgresClient, withPostgres } from './postgres.ts'
import { sqliteDriver } from './sqlite-driver.ts'
import { readStoreSecret, refuseForSqlite, storeFile, withStoreFile } from './store-place.ts'

/**
 * `procura store prepare`: makes or upgrades the tables of `postgresStores` or `sqliteStores`, and prepares them.
 * CLI-16
 */
export async function prepareStores(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  refuseWords(words, 'the environment, from --url-file, or from --sqlite')
  const file = storeFile(flags)
  if (file !== undefined) refuseForSqlite(flags, ['role', 'sql', 'url-file'])
  const [prefix, role] = [textOf(flags, 'prefix') ?? 'procura', textOf(flags, 'role')]
  const schema = postgresStoreSchema({ prefix, ...(role !== undefined && { role }) })
  if (flags['sql'] === true) return printSql(schema, host)
  const isNew = flags['new-service'] === true
  const text = textOf(flags, 'epoch')
  if (isNew && text !== undefined) throw new UsageError('pass --new-service or --epoch, not both')
  const epoch = isNew ? 0 : text === undefined ? undefined : readMoment('epoch', text, systemClock.now())
  const secret = await readStoreSecret(flags, host, 'prepared')
  if (file !== undefined) return prepareFile(file, { secret, prefix, epoch }, flags, host)
  const address = await databaseAddress(flags, host, 'PROCURA_STORE_URL')
  await withPostgres(address, async (client) => {
    await runSchema(client, schema)
    await preparePostgresStores({ client, secret, prefix, timeoutMs: 60_000, ...(epoch !== undefined && { epoch }) })
  })
  host.print(flags['json'] === true ? JSON.stringify({ prepared: prefix }) : `prepared the stores ${prefix}`)
  remindOfLoss(epoch, host)
  return 0
}

/** A restored database looks complete. The calls that it lacks would be accepted again, and revocations are missing. */
function remindOfLoss(epoch: number | undefined, host: Host): void {
  if (epoch === undefined)
    host.complain(
      'stores that existed before are taken to be complete; after a restore or a loss of data, run this again with --epoch now, and add the revocations again',
    )
  else if (epoch > 0)
    host.complain(
      `calls that may have been accepted before ${showDate(epoch)} are refused, for some minutes; now add the revocations again with \`procura store revoke\`: \`procura log DIR --decision revoked\` lists those on record`,
    )
}

/** The settings of stores. */
interface StoreSettings {
  readonly secret: Uint8Array
  readonly prefix: string
  readonly epoch: number | undefined
}

/** The file of the stores is made with mode 0600, and so are those beside it: SQLite gives them its mode. */
async function prepareFile(
  path: string,
  { secret, prefix, epoch }: StoreSettings,
  flags: Flags,
  host: Host,
): Promise<number> {
  // A missing driver is reported before the file is made.
  await sqliteDriver()
  const made = await open(path, 'ax', 0o600).catch(({ code }: NodeJS.ErrnoException) => {
    if (code === 'EEXIST') return undefined
    const fault = code === 'ENOENT' ? 'its folder does not exist; make it first' : `it cannot be made (${code})`
    throw new UsageError(`--sqlite: ${quote(path, 256)}: ${fault}`)
  })
  await made?.close()
  await withStoreFile(path, 'prepared', (database) =>
    prepareSqliteStores({ database, secret, prefix, ...(epoch !== undefined && { epoch }) }),
  )
  host.print(
    flags['json'] === true
      ? JSON.stringify({ prepared: prefix, file: path })
      : `prepared the stores ${prefix} in ${path}`,
  )
  remindOfLoss(epoch, host)
  return 0
}

/** `procura audit prepare --postgres`: makes or upgrades the table of `postgresAuditSink`. CLI-16 */
export async function prepareLog(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  refuseWords(words)
  if (flags['postgres'] !== true)
    throw new UsageError(
      '--postgres is missing: the kind of the database; a log in files or in SQLite needs no preparation, because the service makes it',
    )
  const [table, role] = [textOf(flags, 'table') ?? 'audit_log', textOf(flags, 'role')]
  const schema = postgresAuditSchema({ table, ...(role !== undefined && { role }) })
  if (flags['sql'] === true) return printSql(schema, host)
  const address = await databaseAddress(flags, host, 'PROCURA_LOG_URL')
  await withPostgres(address, (client) => runSchema(client, schema))
  host.print(flags['json'] === true ? JSON.stringify({ prepared: table }) : `prepared the log ${table}`)
  return 0
}

function refuseWords(words: readonly string[], place = 'the environment, or from --url-file'): void {
  if (words.length > 0) throw new UsageError(`too many words; the address of the database comes from ${place}`)
}

function printSql(schema: string, host: Host): number {
  for (const line of schema.trim().split('\n')) host.print(line)
  return 0
}

/**
 * Codes of the errors of two processes that make the same tables, functions or rights at the same time. PostgreSQL
 * compares names before it waits for the other transaction, also with `IF NOT EXISTS`.
 */
const madeAtOnce: ReadonlySet<unknown> = new Set(['23505', '40P01', '42710', '42723', '42P07', 'XX000'])

/** More than the processes of a deployment that meet by chance. */
const mostAttempts = 20

/**
 * The statements are one transaction, because they are one query without parameters. They change nothing that another
 * process has made.
 */
async function runSchema(client: PostgresClient, schema: string, attempt = 1): Promise<void> {
  try {
    await client.query(schema)
  } catch (cause) {
    if (attempt < mostAttempts && madeAtOnce.has(Object(cause).code)) return runSchema(client, schema, attempt + 1)
    const message = cause instanceof Error ? cause.message : 'the query failed'
    throw new Error(
      `the tables were not made: ${message}; connect as their owner, and create the role of --role before`,
      {
        cause,
      },
    )
  }
}
