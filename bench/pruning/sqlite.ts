import { join } from 'node:path'
import type { SqliteDatabase } from 'procura/store/sqlite'
import { prepareSqliteStores, sqliteProcessedSets, sqliteStores } from 'procura/store/sqlite'
import { loadDriver } from '../../test/stores/processes/open-driver.ts'
import {
  kindsOf,
  later,
  nextCall,
  type OpenPrunedStores,
  partsOf,
  type SharedStores,
  secret,
  stepTimes,
  tableOf,
} from './pruned-stores.ts'

/** The stores in SQLite: with `node:sqlite` where Node has it, and with node-sqlite3-wasm elsewhere. */
export const prunedSqlite: OpenPrunedStores = async (folder, size) => {
  const open = await loadDriver('node:sqlite').catch(() => loadDriver('node-sqlite3-wasm'))
  const connections: { close(): unknown }[] = []
  const next = () => {
    const database = open(join(folder, 'state.db'))
    connections.push(database)
    return database
  }
  const database = next()
  prepareSqliteStores({ database, secret, epoch: 0 })
  const fill = (table: string, columns: string, count: number): unknown =>
    database.exec(`INSERT INTO procura_${table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
      SELECT ${columns} FROM n`)
  // Random keys in their order, which fill one page after the other.
  const keyOf = (count: number): string =>
    `CAST(unhex(printf('%08x', i * 4294967295 / ${count})) || randomblob(12) AS BLOB)`
  database.exec('PRAGMA cache_size = -524288; PRAGMA synchronous = OFF; BEGIN')
  for (const { end, calls, others } of partsOf(size)) {
    const key = keyOf(others)
    fill('calls', `${keyOf(calls)}, ${end} + i % 660`, calls)
    fill('processed_sets', `${key}, ${end} + i % 660`, others)
    fill('revocations', `${key}, x'00', ${end} + i % 660`, others)
    fill('revocation_journal (id, revoker, until, sealed)', `${key}, x'00', ${end} + i % 660, randomblob(118)`, others)
    fill('limits', `${key}, 1, ${end} + i % 660`, others)
    // One use within a period that has not ended.
    database.exec(`INSERT INTO procura_limit_holds SELECT key, key, 1, 1, ${later()}, ${later()}, 0, NULL
      FROM procura_limits WHERE expiration >= ${end} AND expiration < ${end + 660} ORDER BY key`)
  }
  database.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')
  const steps = stepTimes()
  const watched = (): SqliteDatabase => {
    const own = next()
    let start = 0
    return {
      prepare: (sql) => own.prepare(sql),
      exec(sql) {
        const answer = own.exec(sql)
        if (sql.startsWith('BEGIN')) start = performance.now()
        if (sql === 'COMMIT') steps.add(performance.now() - start)
        return answer
      },
    }
  }
  const { replay, revocations, limitStore } = sqliteStores({ database: watched(), secret, busyTimeoutMs: 60_000 })
  const processed = sqliteProcessedSets({ database: watched(), secret, busyTimeoutMs: 60_000 })
  const other = sqliteStores({ database: next(), secret, busyTimeoutMs: 60_000 }).replay
  const count = (store: keyof SharedStores): number => {
    return Number(Object.values(database.prepare(`SELECT count(*) FROM ${tableOf(store)}`).all()[0] as object)[0])
  }
  return {
    kinds: kindsOf({ calls: replay, processed, revocations, limits: limitStore }, count),
    async claim() {
      await other.claim(nextCall(), later(), {})
    },
    takeSteps: steps.takeSteps,
    async close() {
      for (const connection of connections) connection.close()
    },
  }
}
