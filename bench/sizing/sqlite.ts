import { statSync } from 'node:fs'
import { join } from 'node:path'
import { prepareSqliteStores, sqliteStores } from 'procura/store/sqlite'
import { loadDriver } from '../../test/stores/processes/open-driver.ts'
import type { OpenSizedStores } from './sized-stores.ts'

const secret = new Uint8Array(32).fill(1)

/** The stores in SQLite: with `node:sqlite` where Node has it, and with node-sqlite3-wasm elsewhere. */
export const sizedSqlite: OpenSizedStores = async (folder) => {
  const open = await loadDriver('node:sqlite').catch(() => loadDriver('node-sqlite3-wasm'))
  const file = join(folder, 'state.db')
  const database = open(file)
  prepareSqliteStores({ database, secret, epoch: 0 })
  const { replay, revocations } = sqliteStores({ database, secret })
  const rows = (count: number): string =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})`
  return {
    replay,
    revocations,
    async fillCalls(count, expiration) {
      database.exec(`INSERT INTO procura_calls ${rows(count)} SELECT randomblob(16), ${expiration} FROM n`)
    },
    async fillRevocations(count) {
      // With a row of the journal for each: 16 bytes of nonce and tag more than the entry of about 90 bytes.
      database.exec('BEGIN')
      database.exec(`INSERT INTO procura_revocations ${rows(count)} SELECT randomblob(16), x'00', 9e999 FROM n`)
      database.exec(
        `INSERT INTO procura_revocation_journal (id, revoker, until, sealed) ${rows(count)} SELECT randomblob(16), x'00', 9e999, randomblob(118) FROM n`,
      )
      database.exec('COMMIT')
    },
    async bytes() {
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      return statSync(file).size
    },
    prune: () => replay.prune(),
    async close() {
      database.close()
    },
  }
}
