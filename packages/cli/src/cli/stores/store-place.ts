// node only: reads files
import { access } from 'node:fs/promises'
import { dirname } from 'node:path'
import { StoreError } from 'procura/errors'
import type { SqliteDatabase } from 'procura/store/sqlite'
import { readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { lockGateway } from '../gateway/lock-gateway.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { sqliteDriver } from './sqlite-driver.ts'

/** The file of `--sqlite`; undefined for PostgreSQL. */
export function storeFile(flags: Flags): string | undefined {
  const file = textOf(flags, 'sqlite')
  if (file === undefined) {
    if (flags['postgres'] === true) return undefined
    throw new UsageError('the kind of the database is missing: --postgres, or --sqlite with its file')
  }
  if (flags['postgres'] === true) throw new UsageError('pass --postgres or --sqlite, not both')
  return file
}

/** Refuses options of PostgreSQL. */
export function refuseForSqlite(flags: Flags, names: readonly string[]): void {
  const other = names.find((name) => flags[name] !== undefined)
  if (other !== undefined) throw new UsageError(`--${other} is for --postgres`)
}

/**
 * Finds out whether a file exists: a driver would make it.
 *
 * @throws UsageError when it does not exist.
 */
export async function assertStoreFile(path: string): Promise<void> {
  if (!(await exists(path)))
    throw new UsageError(`--sqlite: ${quote(path, 256)} does not exist; \`procura store prepare\` makes the stores`)
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** The aim of a verb, which completes `cannot be …` in messages. */
type Aim = 'prepared' | 'changed' | 'read'

/**
 * Runs a task with the database in a file, and closes it. A gateway has its state alone, and remembers what it has
 * read: it would not see a change, so the file of a running gateway is refused, and it cannot start meanwhile. CLI-26
 *
 * @param aim - completes `cannot be …` in the message of an error.
 */
export async function withStoreFile(
  path: string,
  aim: Aim,
  task: (database: SqliteDatabase) => void | Promise<void>,
): Promise<void> {
  const { open } = await sqliteDriver<SqliteDatabase>()
  const lock = await lockOfGateway(path)
  let database: InstanceType<typeof open> | undefined
  try {
    database = new open(path)
    // The write-ahead log of a gateway needs memory that processes share, which SQLite in WebAssembly does not have.
    if (lock !== undefined) database.exec('PRAGMA locking_mode = EXCLUSIVE')
    await task(database)
  } catch (error) {
    const { cause } = Object(error) as { readonly cause?: unknown }
    // The stores report the reason as the cause; another secret has none.
    if (error instanceof StoreError && cause === undefined) throw error
    const reason = cause ?? error
    const message = reason instanceof Error && !reason.message.includes(path) ? reason.message : 'it cannot be opened'
    const remedy = /\b(?:locked|busy)\b/i.test(message)
      ? 'another process writes it; run this again'
      : `name the database of the stores${aim === 'prepared' ? '' : ', and their --prefix'}`
    throw new UsageError(`--sqlite: ${quote(path, 256)} cannot be ${aim} (${message}); ${remedy}`)
  } finally {
    database?.close()
    lock?.release()
  }
}

/** The lock of the gateway whose state a file is; undefined for the stores of a service. */
async function lockOfGateway(path: string): Promise<{ release(): void } | undefined> {
  const answer = await lockGateway(path)
  if (answer === undefined || 'lock' in answer) return answer?.lock
  throw new UsageError(
    `--sqlite: ${quote(path, 256)} is the state of a gateway that runs (process ${answer.process}); end an agent with \`procura revoke --agent NAME --home ${shellQuoted(dirname(answer.file))}\`, or stop the gateway first`,
  )
}

/**
 * The secret of the stores, from a file of bytes or in base64 from the environment.
 *
 * @param aim - `prepared` for stores that may have no secret yet: another one does not open the others.
 */
export async function readStoreSecret(flags: Flags, host: Host, aim: Aim): Promise<Uint8Array> {
  const path = textOf(flags, 'secret-file')
  const make =
    aim === 'prepared'
      ? 'make one with `procura vault new-key --key-file FILE`'
      : 'pass the one with which the stores were prepared'
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
