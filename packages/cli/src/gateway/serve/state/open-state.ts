// node only: opens a database
import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { dirname } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { never } from 'procura'
import { ArgumentError, StoreError } from 'procura/errors'
import { prepareSqliteStores, sqliteStores } from 'procura/store/sqlite'
import { createFileLock } from '#support/file-lock/file-lock.ts'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { makeFolders } from '#support/make-folders.ts'
import { createPrivateFile, readPrivateFile } from '#support/private-file.ts'
import { quote } from '#support/quote.ts'
import { renewableSeconds } from '../../agent-side/ending-soon.ts'
import { rememberUnrevoked } from './remember-unrevoked.ts'
import { type GatewayStores, type SyncFile, syncStores } from './sync-state.ts'

/** The state of a gateway: calls that were seen, revocations and limits. */
export interface GatewayState {
  readonly stores: GatewayStores
  /**
   * Resolves when each call that was claimed so far is on the disk. Nothing may be released before.
   *
   * @throws StoreError when that is not certain.
   */
  synced(): Promise<void>
  /** Closes the database, and lets another process open it. */
  close(): void
}

/** Options of {@link openState}. */
export interface OpenStateOptions {
  /** The path of the SQLite file. Its secret and its lock are beside it. */
  readonly file: string
  /** Whether no call was ever accepted under this configuration, so that a new file has lost nothing. */
  readonly isFirst: boolean
  /** Default: fdatasync. */
  readonly syncFile?: SyncFile
}

/** Milliseconds to wait for a gateway that is about to end. */
const lockTimeoutMs = 5_000

/**
 * Opens the state, and makes it if it does not exist. One process has it at a time. GTW-15
 *
 * @throws ArgumentError when another process has it, or a part of it is missing; StoreError when it cannot be used.
 */
export async function openState({ file, isFirst, syncFile }: OpenStateOptions): Promise<GatewayState> {
  await makeFolders(dirname(file))
  const lock = await lockState(`${file}.owner`)
  try {
    // One that a killed process left is nobody's: `lock` is held.
    removeSqliteLock(file)
    removeJournal(file)
    const isNew = !existsSync(file)
    const secret = await readSecret(`${file}.key`, isNew)
    const database = new sqlite.Database(file)
    try {
      await chmod(file, 0o600)
      // One process has the file. So its lock, a folder, is not made for each transaction, and a write-ahead log (WAL)
      // needs no memory that processes share: a transaction is one write, and one sync of that log.
      database.exec('PRAGMA locking_mode = EXCLUSIVE')
      // A new file beside a log with records may be one that lost its data.
      prepareSqliteStores({ database, secret, ...(isNew && isFirst && { epoch: 0 }) })
      const synced = syncStores(sqliteStores({ database, secret }), walOf(database, file), syncFile)
      // From now on, SQLite syncs only where it moves the log into the file.
      database.exec('PRAGMA synchronous = NORMAL')
      // Its lock is a folder, which it now has until it is closed.
      await chmod(`${file}.lock`, 0o700)
      return {
        stores: { ...synced.stores, revocations: rememberUnrevoked(keptForRenewals(synced.stores.revocations)) },
        synced: synced.synced,
        close() {
          synced.close()
          database.close()
          removeSqliteLock(file)
          lock.release()
        },
      }
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

/** A delegation can be renewed for a time after its end, and one that was revoked must be known then. GTW-97 */
function keptForRenewals(revocations: GatewayStores['revocations']): GatewayStores['revocations'] {
  return Object.freeze({
    ...revocations,
    add: (...[entry, ...rest]: Parameters<typeof revocations.add>) => {
      const { expiration } = entry
      const kept = expiration === never ? never : expiration + renewableSeconds
      return revocations.add({ ...entry, expiration: kept }, ...rest)
    },
  })
}

/** The path of the write-ahead log. In another mode of SQLite, a transaction would be in several files. */
function walOf(database: InstanceType<typeof sqlite.Database>, file: string): string {
  const [row] = database.all('PRAGMA journal_mode')
  if (row?.['journal_mode'] === 'wal') return `${file}-wal`
  throw new StoreError(
    `${quote(file, 256)} does not support the write-ahead log (WAL) of SQLite; put the state on a local file system`,
  )
}

/** This build of SQLite makes a folder as its lock, and keeps it while it has the file alone. */
function removeSqliteLock(file: string): void {
  rmSync(`${file}.lock`, { recursive: true, force: true })
}

/**
 * Removes the journal of a process that was killed while it gave an empty file a write-ahead log. Later changes of the
 * state are in that log. This build of SQLite ignores the journal. Another build, such as the one in a program for
 * backups, would apply it, and the file would be empty again.
 */
function removeJournal(file: string): void {
  rmSync(`${file}-journal`, { force: true })
}

async function lockState(folder: string): Promise<HeldLock> {
  const answer = await createFileLock(folder).acquire(lockTimeoutMs)
  if ('lock' in answer) return answer.lock
  const holder = answer.holder === undefined ? 'another process' : `process ${answer.holder.process}`
  throw new ArgumentError(
    `the state of this gateway is in use by ${holder}; a gateway is running already, stop it or use another \`--home\``,
  )
}

async function readSecret(path: string, isNew: boolean): Promise<Uint8Array> {
  const file = await readPrivateFile(path, { timeoutMs: 10_000 })
  if (file !== undefined && file !== 'unchanged') {
    if (file.bytes.length === 32) return file.bytes
    throw new StoreError(`${quote(path, 256)} must contain 32 bytes; restore it`)
  }
  if (!isNew)
    throw new StoreError(`${quote(path, 256)} is missing; restore it, or remove the state beside it to begin a new one`)
  const secret = Uint8Array.from(randomBytes(32))
  await createPrivateFile(path, secret)
  return secret
}
