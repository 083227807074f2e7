import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseRecord } from '../../src/audit/events/record.ts'
import type { AuditSink, Confirmation } from '../../src/audit/sink.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import { shortRuns } from '../property/runs.ts'
import { id, intent, outcome } from './events.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'
import { openDatabase as open } from './open-database.ts'

/** A database that records its statements, except the statements of the set-up, and fails on request. */
function watched(database: SqliteDatabase): {
  readonly database: SqliteDatabase
  readonly executed: string[]
  fault: (sql: string) => void
} {
  const watch = {
    executed: [] as string[],
    fault: (_sql: string): void => undefined,
    database: {
      ...database,
      exec(sql: string) {
        watch.fault(sql)
        if (/^(BEGIN|COMMIT|ROLLBACK)/.test(sql)) watch.executed.push(sql)
        return database.exec(sql)
      },
    },
  }
  return watch
}

function temporaryDatabase(): SqliteDatabase {
  return open(join(temporaryDirectory(), 'audit.db'))
}

/** Statements of the owner of a table: each record whose line contains `poison` is refused in this way. */
function refusing(database: SqliteDatabase, way: 'ABORT' | 'FAIL' | 'ROLLBACK'): void {
  database.exec(`
    CREATE TRIGGER own_rule AFTER INSERT ON audit_log WHEN NEW.line LIKE '%poison%'
      BEGIN SELECT RAISE(${way}, 'a rule of the owner'); END`)
}

function idsIn(database: SqliteDatabase): string[] {
  return [...readSqliteLines(database)].map((line) => parseRecord(line).event.id)
}

async function answers(appended: readonly Promise<Confirmation>[]): Promise<(number | string)[]> {
  const settled = await Promise.allSettled(appended)
  return settled.map((one) => (one.status === 'fulfilled' ? (one.value.sequence ?? 0) : one.reason.code))
}

describe('events of one turn in SQLite', () => {
  it('AUD-18 share one transaction, and are confirmed after its commit', async () => {
    const { database, executed } = watched(temporaryDatabase())
    const sink = sqliteAuditSink({ database })
    const confirmed: number[] = []
    const appended = Array.from({ length: 64 }, (_, i) =>
      sink.append(intent(1 + i), {}).then(({ sequence = 0 }) => {
        expect(executed).toEqual(['BEGIN IMMEDIATE', 'COMMIT'])
        confirmed.push(sequence)
      }),
    )
    await Promise.all(appended)
    expect(confirmed).toEqual(Array.from({ length: 64 }, (_, i) => 1 + i))
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 64 })
  })

  it('AUD-18 have transactions between which the event loop turns', async () => {
    const { database, executed } = watched(temporaryDatabase())
    const sink = sqliteAuditSink({ database })
    const commits: number[] = []
    let ended = false
    const look = (): void => {
      commits.push(executed.filter((sql) => sql === 'COMMIT').length)
      if (!ended) setImmediate(look)
    }
    setImmediate(look)
    await Promise.all(Array.from({ length: 600 }, (_, i) => sink.append(intent(i), {})))
    ended = true
    expect(executed.filter((sql) => sql === 'COMMIT')).toHaveLength(3)
    expect([...new Set(commits)]).toEqual(expect.arrayContaining([1, 2]))
  })

  it('AUD-18 are neither confirmed nor recorded when the commit fails, and the next ones are', async () => {
    const watch = watched(temporaryDatabase())
    const { database } = watch
    const sink = sqliteAuditSink({ database })
    await sink.append(intent(1), {})
    watch.fault = (sql) => {
      if (sql === 'COMMIT') throw new Error('disk I/O error')
    }
    const lost = await Promise.allSettled([2, 3, 4].map((number) => sink.append(intent(number), {})))
    for (const one of lost) {
      expect(one).toMatchObject({ reason: { code: 'ERR_AUDIT_UNCONFIRMED', cause: { message: 'disk I/O error' } } })
    }
    expect(watch.executed.slice(2)).toEqual(['BEGIN IMMEDIATE', 'ROLLBACK'])
    watch.fault = () => undefined
    expect(await answers([5, 6].map((number) => sink.append(intent(number), {})))).toEqual([2, 3])
    expect(idsIn(database)).toEqual([1, 5, 6].map(id))
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 3 })
  })

  it.each(['ABORT', 'FAIL', 'ROLLBACK'] as const)(
    'AUD-18 are confirmed beside an event that the table refuses by %s',
    async (way) => {
      const database = temporaryDatabase()
      const sink = sqliteAuditSink({ database })
      refusing(database, way)
      const events = [1, 2, 3, 4, 5, 6, 7].map((i) => intent(i, i === 3 || i === 6 ? { vault: 'poison' } : {}))
      const refused = 'ERR_AUDIT_UNCONFIRMED'
      expect(await answers(events.map((event) => sink.append(event, {})))).toEqual([1, 2, refused, 3, 4, refused, 5])
      expect(idsIn(database)).toEqual([1, 2, 4, 5, 7].map(id))
      expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 5 })
    },
  )

  const runs = shortRuns(40)
  it(`AUD-18 are answered as if each came alone, whatever is refused among them, ${runs.title}`, async () => {
    const kinds = fc.constantFrom('fine', 'fine', 'fine', 'poison', 'long', 'end', 'again', 'gone')
    const property = fc.asyncProperty(fc.array(kinds, { minLength: 1, maxLength: 24 }), async (batch) => {
      const logs = await Promise.all(
        ['alone', 'together'].map(async (way) => {
          const database = temporaryDatabase()
          database.exec('PRAGMA journal_mode = MEMORY')
          const sink = sqliteAuditSink({ database })
          database.exec('PRAGMA synchronous = OFF')
          refusing(database, 'ABORT')
          await sink.append(intent(1_000), {})
          const given: (number | string)[] = []
          const appended = batch.map((kind, i) => append(sink, kind, i))
          if (way === 'together') given.push(...(await answers(appended.map((start) => start()))))
          else for (const start of appended) given.push(...(await answers([start()])))
          expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true })
          const ids = idsIn(database)
          // Some events take longer to prepare, so that their order in the log differs from the order of the calls.
          return given.map((one, i) => (typeof one === 'number' ? { recorded: ids[one - 1] === id(i) } : one))
        }),
      )
      expect(logs[1]).toEqual(logs[0])
      expect(logs[1]).not.toContainEqual({ recorded: false })
    })
    await fc.assert(property, runs)
  })

  it('AUD-43 wait while another connection has the lock, without blocking the process', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const sink = sqliteAuditSink({ database: open(path) })
    const blocker = open(path)
    blocker.exec('BEGIN EXCLUSIVE')
    let turns = 0
    const release = (): void => {
      if (++turns < 20) setImmediate(release)
      else blocker.exec('COMMIT')
    }
    const appended = [1, 2, 3].map((number) => sink.append(intent(number), {}))
    setImmediate(release)
    expect(await answers(appended)).toEqual([1, 2, 3])
    expect(turns).toBe(20)
  })

  it('AUD-43 belong to a log whose set-up waits for other writers, and leaves their waiting time as it was', () => {
    const database = temporaryDatabase()
    const timeout = (): unknown => database.prepare('PRAGMA busy_timeout').all()[0]
    const during: unknown[] = []
    const noting: SqliteDatabase = {
      ...database,
      exec(sql) {
        if (sql.includes('CREATE TABLE')) during.push(timeout())
        return database.exec(sql)
      },
    }
    for (const [own, used] of [
      [0, 1_000],
      [20, 1_000],
      [5_000, 5_000],
    ]) {
      database.exec(`PRAGMA busy_timeout = ${own}`)
      sqliteAuditSink({ database: noting })
      expect(during.pop()).toEqual({ timeout: used })
      expect(timeout()).toEqual({ timeout: own })
    }
    database.exec('PRAGMA busy_timeout = 0')
    expect(() => sqliteAuditSink({ database: noting, table: 'sqlite_own' })).toThrow('cannot hold the table')
    expect(timeout()).toEqual({ timeout: 0 })
  })

  it('AUD-43 leave the lock to another writer between two transactions, for as long as the first one took', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const watch = watched(open(path))
    const sink = sqliteAuditSink({ database: watch.database })
    const other = sqliteAuditSink({ database: open(path) })
    await sink.append(intent(1), {})
    await other.append(intent(2), {})
    let looked: boolean | undefined
    watch.fault = (sql) => {
      if (sql === 'BEGIN IMMEDIATE') watch.executed.push(`other writer looked: ${looked}`)
      if (sql !== 'COMMIT') return
      const end = performance.now() + 10
      while (performance.now() < end);
      looked = false
      setTimeout(() => {
        looked = true
      }, 1)
    }
    watch.executed.length = 0
    await Promise.all(Array.from({ length: 300 }, (_, i) => sink.append(intent(3 + i), {})))
    expect(watch.executed).toEqual([
      'other writer looked: undefined',
      'BEGIN IMMEDIATE',
      'COMMIT',
      'other writer looked: true',
      'BEGIN IMMEDIATE',
      'COMMIT',
    ])
    expect(await verifyAuditLog(readSqliteLines(open(path)))).toMatchObject({ valid: true, records: 302 })
  })

  it('AUD-43 are not recorded after their callers gave up while another connection had the lock', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const watch = watched(open(path))
    const sink = sqliteAuditSink({ database: watch.database })
    const blocker = open(path)
    blocker.exec('BEGIN EXCLUSIVE')
    const controller = new AbortController()
    const given = sink.append(intent(1), { signal: controller.signal })
    const kept = sink.append(intent(2), {})
    // The first attempt fails in this turn or a later one.
    let attempts = 0
    watch.fault = (sql) => {
      if (sql !== 'BEGIN IMMEDIATE' || ++attempts < 2) return
      controller.abort(new Error('late'))
      if (attempts === 2) throw new Error('database is locked')
      if (attempts === 3) blocker.exec('COMMIT')
    }
    expect(await answers([given, kept])).toEqual(['ERR_AUDIT_UNCONFIRMED', 1])
    expect(idsIn(watch.database)).toEqual([id(2)])
  })
})

/** Appends an event of a kind, when it is called. */
function append(sink: AuditSink, kind: string, i: number): () => Promise<Confirmation> {
  const signal = kind === 'gone' ? AbortSignal.abort(new Error('late')) : undefined
  const vault = kind === 'poison' ? 'poison' : 'smtp'
  const long = kind === 'long' && { principals: Array.from({ length: 64 }, () => '\u0001'.repeat(512)) }
  const ends = kind === 'end' || kind === 'again'
  const event = ends ? outcome(i, kind === 'end' ? 2_000 + i : 1_000) : intent(i, { vault, ...long })
  return () => sink.append(event, { signal })
}
