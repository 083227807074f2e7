import fs from 'node:fs'
import type sqlite from 'node-sqlite3-wasm'

/**
 * Opens a database whose process may have been killed, and undoes the transaction that the process was in. No other
 * process may have it open.
 *
 * SQLite undoes it from its journal, unless a living process is still in that transaction. node-sqlite3-wasm 0.8.60
 * looks for such a process by the folder that is its lock, has this lock itself by then, and leaves half a transaction
 * in the file. Here it does not find the folder. The locks of other drivers end with their process, which is not taken
 * for a living one.
 */
export function openAfterKill({ Database }: Pick<typeof sqlite, 'Database'>, path: string): sqlite.Database {
  const lock = `${path}.lock`
  fs.rmSync(lock, { recursive: true, force: true })
  const database = new Database(path)
  const { accessSync } = fs
  fs.accessSync = (asked, mode) => {
    if (asked === lock) throw new Error('no other process has the lock')
    accessSync(asked, mode)
  }
  try {
    database.get('SELECT count(*) FROM sqlite_schema')
    return database
  } catch (cause) {
    database.close()
    throw cause
  } finally {
    fs.accessSync = accessSync
  }
}
