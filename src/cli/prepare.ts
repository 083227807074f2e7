// node only: prepares databases
import { postgresAuditSchema } from '../audit/sinks/postgres/schema.ts'
import { preparePostgresStores } from '../state/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../state/postgres/schema.ts'
import { readPrivateFile } from '../support/private-file.ts'
import { systemClock } from '../time.ts'
import type { Host } from './host.ts'
import { connectPostgres, databaseAddress, type PostgresClient } from './postgres.ts'
import { readMoment } from './time-text.ts'
import { UsageError } from './usage-error.ts'
import { type Flags, textOf } from './verb.ts'

/**
 * `procura store prepare --postgres`: makes or upgrades the tables of `postgresStores`, and prepares them. CLI-16
 */
export async function prepareStores(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  refuseWords(words, flags)
  const [prefix, role] = [textOf(flags, 'prefix') ?? 'procura', textOf(flags, 'role')]
  const schema = postgresStoreSchema({ prefix, ...(role !== undefined && { role }) })
  if (flags['sql'] === true) return printSql(schema, host)
  const isNew = flags['new-service'] === true
  const text = textOf(flags, 'epoch')
  if (isNew && text !== undefined) throw new UsageError('pass --new-service or --epoch, not both')
  const epoch = isNew ? 0 : text === undefined ? undefined : readMoment('epoch', text, systemClock.now())
  const secret = await readStoreSecret(flags, host)
  const address = await databaseAddress(flags, host, 'PROCURA_STORE_URL')
  await withClient(address, async (client) => {
    await runSchema(client, schema)
    await preparePostgresStores({ client, secret, prefix, timeoutMs: 60_000, ...(epoch !== undefined && { epoch }) })
  })
  host.print(flags['json'] === true ? JSON.stringify({ prepared: prefix }) : `prepared the stores ${prefix}`)
  return 0
}

/** `procura audit prepare --postgres`: makes or upgrades the table of `postgresAuditSink`. CLI-16 */
export async function prepareLog(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  refuseWords(words, flags)
  const [table, role] = [textOf(flags, 'table') ?? 'audit_log', textOf(flags, 'role')]
  const schema = postgresAuditSchema({ table, ...(role !== undefined && { role }) })
  if (flags['sql'] === true) return printSql(schema, host)
  const address = await databaseAddress(flags, host, 'PROCURA_LOG_URL')
  await withClient(address, (client) => runSchema(client, schema))
  host.print(flags['json'] === true ? JSON.stringify({ prepared: table }) : `prepared the log ${table}`)
  return 0
}

function refuseWords(words: readonly string[], flags: Flags): void {
  if (words.length > 0)
    throw new UsageError('too many words; the address of the database comes from the environment, or from --url-file')
  if (flags['postgres'] !== true) throw new UsageError('--postgres is missing: the kind of the database')
}

function printSql(schema: string, host: Host): number {
  for (const line of schema.trim().split('\n')) host.print(line)
  return 0
}

async function withClient<T>(address: string, task: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await connectPostgres(address)
  try {
    return await task(client)
  } finally {
    await client.end()
  }
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

/** The secret of the stores, from a file of bytes or in base64 from the environment. */
async function readStoreSecret(flags: Flags, host: Host): Promise<Uint8Array> {
  const path = textOf(flags, 'secret-file')
  const make = 'make one with: procura vault new-key --key-file FILE'
  if (path === undefined) {
    const text = host.env['PROCURA_STORE_SECRET']
    if (text === undefined || text === '')
      throw new UsageError(
        `the secret of the stores is missing: --secret-file, or PROCURA_STORE_SECRET in base64; ${make}`,
      )
    const bytes = Buffer.from(text, 'base64')
    if (bytes.length < 32 || bytes.toString('base64').replace(/=+$/, '') !== text.replace(/=+$/, ''))
      throw new UsageError('PROCURA_STORE_SECRET must be 32 bytes or more in base64')
    return bytes
  }
  const file = await readPrivateFile(path, { timeoutMs: 10_000 })
  if (file === undefined || file === 'unchanged')
    throw new UsageError(`the file of --secret-file does not exist; ${make}`)
  if (file.bytes.length < 32) throw new UsageError(`the file of --secret-file has fewer than 32 bytes; ${make}`)
  return file.bytes
}
