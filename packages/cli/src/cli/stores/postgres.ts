// node only: loads a package of the project
import { createRequire } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import type { PostgresQueryable } from 'procura/audit/postgres'
import type { Host } from '../host.ts'
import { readInput, textIn } from '../terminal/read-input.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/** A connection to a database. */
export interface PostgresClient extends PostgresQueryable {
  connect(): Promise<unknown>
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: readonly unknown[] }>
  end(): Promise<void>
  on(event: 'error', listener: () => void): unknown
}

/**
 * The address of a database, from the environment or from the file of `--url-file`. It may contain a password, so it is
 * not taken from the command line.
 *
 * @param variable - of the environment.
 * @throws UsageError when the address is missing.
 */
export async function databaseAddress(flags: Flags, host: Host, variable: string): Promise<string> {
  const file = textOf(flags, 'url-file')
  const address = file === undefined ? host.env[variable] : textIn(await readInput(file, 'the address', host))?.trim()
  if (address === undefined || address === '')
    throw new UsageError(`--postgres needs the address of the database in ${variable}, or in the file of --url-file`)
  return address
}

/**
 * Connects to a database. The package `pg` is not a dependency of this one: it is taken from the project in which the
 * program runs.
 *
 * @throws UsageError when the package is missing; an error without the address when the connection fails.
 */
export async function connectPostgres(connectionString: string): Promise<PostgresClient> {
  let path: string
  try {
    path = createRequire(join(process.cwd(), 'package.json')).resolve('pg')
  } catch {
    throw new UsageError('--postgres needs the package pg in this folder: npm install pg')
  }
  const { default: pg } = (await import(pathToFileURL(path).href)) as {
    default: { Client: new (options: object) => PostgresClient }
  }
  try {
    const client = new pg.Client({ connectionString, connectionTimeoutMillis: 15_000 })
    // A connection that ends later is reported by the query.
    client.on('error', () => undefined)
    await client.connect()
    return client
  } catch (cause) {
    throw new Error(`PostgreSQL cannot be reached at the given address: ${reasonOf(cause)}`, { cause })
  }
}

/** Runs a task with a connection, which ends with it. */
export async function withPostgres<T>(address: string, task: (client: PostgresClient) => Promise<T>): Promise<T> {
  const client = await connectPostgres(address)
  try {
    return await task(client)
  } finally {
    await client.end()
  }
}

/**
 * The message of the server, or the code of the platform, whose message contains the name of the host: of an address
 * with a mistake, that is a part of the password.
 */
function reasonOf(error: unknown): string {
  const { code, message, severity } = Object(error) as Readonly<Record<string, unknown>>
  if (typeof code === 'string' && severity === undefined) return code
  return typeof message === 'string' && message !== '' ? message : 'the connection failed'
}
