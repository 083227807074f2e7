import fs from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import { type SqliteFile, sqliteFile } from './open-sqlite.ts'

const secret = new Uint8Array(32).fill(7)
const now = 1_000_000
const pageSize = 4096
const files: SqliteFile[] = []

afterEach(() => {
  vi.restoreAllMocks()
  for (const file of files.splice(0)) file.close()
})

/** A prepared database, and stores whose clock can be set. */
function openStores() {
  const file = sqliteFile()
  files.push(file)
  const database = file.open()
  let time = now
  const clock = { now: () => time }
  prepareSqliteStores({ database, secret, epoch: 0 })
  const changes: number[] = []
  let calls = 0
  const countCalls = (): number => Number(rowsOf(database, 'SELECT count(*) AS count FROM procura_calls')[0]?.['count'])
  return {
    database,
    countCalls,
    /** How many calls each transaction has added, or forgotten where the number is negative. */
    changes,
    setTime(next: number): void {
      time = next
    },
    open() {
      const own = file.open()
      const watched: SqliteDatabase = {
        prepare: (sql) => own.prepare(sql),
        exec(sql) {
          if (sql.startsWith('BEGIN')) calls = countCalls()
          const answer = own.exec(sql)
          if (sql === 'COMMIT') changes.push(countCalls() - calls)
          return answer
        },
      }
      return sqliteStores({ database: watched, secret, clock })
    },
  }
}

function rowsOf(database: SqliteDatabase, sql: string): readonly Readonly<Record<string, unknown>>[] {
  return database.prepare(sql).all() as readonly Readonly<Record<string, unknown>>[]
}

/** Adds rows with random keys. */
function fill(database: SqliteDatabase, table: string, count: number, rest: string): void {
  database.exec(`INSERT INTO procura_${table} WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
    SELECT randomblob(16), ${rest} FROM n ORDER BY 1`)
}

/** The places of the database that are written meanwhile. */
async function writtenPages(task: () => Promise<unknown>): Promise<number> {
  const write = vi.spyOn(fs, 'writeSync')
  await task()
  const places = write.mock.calls.map((values) => (values as readonly unknown[]).slice(3) as readonly number[])
  write.mockRestore()
  // Pages in the journal have other places.
  return new Set(places.flatMap(([length, at]) => (length === pageSize && Number(at) % pageSize === 0 ? [at] : [])))
    .size
}

describe('calls in SQLite', () => {
  it('change a page of the used calls and one of the limits each, and no page of an index', async () => {
    const { database, open } = openStores()
    fill(database, 'calls', 20_000, `${now + 60}`)
    fill(database, 'limits', 20_000, `1, ${now + 60}`)
    const { callStore } = open()
    let serial = 0
    const ask = () =>
      Promise.all(
        Array.from({ length: 64 }, async (_, at) => {
          serial += 1
          const entry = { key: `${at}`, kind: 'total', maximum: 10, amount: 1, expiration: now + 60 } as const
          const claim = { key: `${serial}`, expiration: now + 60, acceptedFrom: undefined }
          const limits = { reservation: `${serial}`, entries: [entry], deadline: now + 60, commit: true }
          return (await callStore.ask({ ids: [`bafy${at}`], claim, limits }, {})).limits
        }),
      )
    // The first time, each limit is new.
    await ask()
    let answers: unknown
    const pages = await writtenPages(async () => {
      answers = await ask()
    })
    expect(answers).toEqual(Array.from({ length: 64 }, () => ({ status: 'fulfilled', value: { reserved: true } })))
    expect(pages).toBeGreaterThan(64)
    // The first page of the file, and pages that are divided because they are full.
    expect(pages).toBeLessThan(2 * 64 + 20)
  })

  it('OPS-21 are forgotten by the claims of several processes: few that have ended remain', async () => {
    const { countCalls, changes, setTime, open } = openStores()
    const stores = [open().replay, open().replay, open().replay]
    const [lifetime, atOnce, turns] = [30, 100, 90]
    for (let turn = 0; turn < turns; turn++) {
      // A call is remembered for 300 seconds after its end, which are `lifetime` turns after the one in which it is made.
      const time = now + 11 * turn
      setTime(time)
      const claims = Array.from({ length: atOnce }, (_, at) =>
        stores[turn % 3]?.claim(`${turn} ${at}`, time + 11 * lifetime - 300, {}),
      )
      expect(new Set(await Promise.all(claims))).toEqual(new Set([true]))
    }
    expect(countCalls()).toBeGreaterThanOrEqual(lifetime * atOnce)
    expect(countCalls()).toBeLessThan(1.4 * lifetime * atOnce)
    // Two of the hundred claims of a transaction examine 500 each.
    expect(Math.min(...changes)).toBeGreaterThanOrEqual(atOnce - 2 * 500)
  })

  it('OPS-21 are all examined by a small store: the first one follows the last', async () => {
    const { database, setTime, open } = openStores()
    fill(database, 'calls', 300, `${now}`)
    setTime(now + 10_000)
    const { replay } = open()
    await Promise.all(Array.from({ length: 50 }, (_, at) => replay.claim(`${at}`, now + 20_000, {})))
    expect(rowsOf(database, `SELECT key FROM procura_calls WHERE expiration = ${now}`)).toEqual([])
    await expect(replay.claim('late', now + 60, {})).rejects.toThrow('expired before the latest time seen')
  })

  it('OPS-21 are pruned in turns of at most 500, beside others that have not ended', async () => {
    const { database, countCalls, changes, setTime, open } = openStores()
    fill(database, 'calls', 25_000, `${now + 20_000}`)
    fill(database, 'calls', 2_400, `${now} + i % 7`)
    database.exec(`INSERT INTO procura_calls VALUES (x'${'00'.repeat(16)}', ${now}), (x'${'ff'.repeat(16)}', ${now})`)
    setTime(now + 10_000)
    const { replay } = open()
    await replay.prune()
    expect(countCalls()).toBe(25_000)
    expect(Math.min(...changes)).toBeGreaterThanOrEqual(-500)
    // No transaction for each few: 2,402 calls, of which the last ones of each part may be few.
    expect(changes.length).toBeLessThan(12)
    changes.length = 0
    await replay.prune()
    expect(changes).toEqual([])
    await expect(replay.claim('late', now + 60, {})).rejects.toThrow('expired before the latest time seen')
  })

  it('OPS-21 end their pruning when the signal is aborted', async () => {
    const { database, countCalls, setTime, open } = openStores()
    fill(database, 'calls', 2_000, `${now}`)
    setTime(now + 10_000)
    await expect(open().replay.prune({ signal: AbortSignal.abort(new Error('stopped')) })).rejects.toThrow('stopped')
    expect(countCalls()).toBe(2_000)
  })

  it('have no index by their time after the database of an earlier version was prepared again', async () => {
    const { database, countCalls, setTime, open } = openStores()
    database.exec('CREATE INDEX procura_calls_by_expiration ON procura_calls (expiration)')
    const early = open().replay
    expect(await early.claim('before', now + 60_000, {})).toBe(true)
    fill(database, 'calls', 600, `${now}`)
    setTime(now + 10_000)
    await early.prune()
    expect(countCalls()).toBe(1)
    prepareSqliteStores({ database, secret })
    expect(rowsOf(database, "SELECT name FROM sqlite_schema WHERE name LIKE 'procura_calls_by%'")).toEqual([])
    // A store that was open meanwhile goes on.
    expect(await early.claim('before', now + 60_000, {})).toBe(false)
    expect(await open().replay.claim('before', now + 60_000, {})).toBe(false)
  })
})
