import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'

/** A file with a database, and connections to it that can be interrupted. */
export interface SqliteFile {
  open(): SqliteDatabase
  /** Makes every statement of every connection fail, until it is called with false. */
  interrupt(interrupted: boolean): void
  close(): void
}

/**
 * A file system in memory where there is one. A power failure is not tested here, and this build of SQLite makes and
 * removes a folder for each lock.
 */
const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

/** Makes an empty database in a folder of its own. */
export function sqliteFile(): SqliteFile {
  const folder = mkdtempSync(join(place, 'procura-state-'))
  const connections: sqlite.Database[] = []
  let interrupted = false
  const guarded = <T extends object>(target: T): T =>
    new Proxy(target, {
      get(object, name) {
        const value: unknown = Reflect.get(object, name)
        if (typeof value !== 'function') return value
        return (...values: unknown[]) => {
          if (interrupted) throw new Error('disk I/O error')
          // A power failure is not tested here, and the protection against it costs most of the time.
          const given =
            name === 'exec' ? [String(values[0]).replace('synchronous = FULL', 'synchronous = OFF')] : values
          const result: unknown = value.apply(object, given)
          return name === 'prepare' ? guarded(result as object) : result
        }
      },
    })
  return {
    open() {
      const database = new sqlite.Database(join(folder, 'state.db'))
      connections.push(database)
      return guarded(database) as unknown as SqliteDatabase
    },
    interrupt(now) {
      interrupted = now
    },
    close() {
      for (const connection of connections) connection.close()
      rmSync(folder, { recursive: true })
    },
  }
}
