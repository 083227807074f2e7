import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { describe, expect, it } from 'vitest'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { parseRecord } from '../../src/audit/events/record.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { backend as noble } from '../../src/core/principal/backend/noble.ts'
import { ArgumentError } from '../../src/errors.ts'
import { prepare } from '../../src/support/sqlite.ts'
import { denied, id, intent, logOf, outcome } from './events.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'
import { openDatabase as open } from './open-database.ts'

async function pagesOf({ history }: AuditSink): Promise<number[][]> {
  const pages: number[][] = []
  for await (const page of history?.newestFirst({}) ?? []) pages.push(page.map(({ sequence }) => sequence))
  return pages
}

describe('a log in SQLite', () => {
  it('AUD-18 continues over restarts, and accepts simultaneous events', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const first = sqliteAuditSink({ database: open(path) })
    expect(await first.append(intent(1), {})).toMatchObject({ sink: 'sqlite', durability: 'disk', sequence: 1 })
    await Promise.all(Array.from({ length: 20 }, (_, i) => first.append(intent(2 + i), {})))
    await first.close()
    await expect(first.append(intent(99), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_CLOSED' })
    const database = open(path)
    const second = sqliteAuditSink({ database, sha256: (bytes) => Promise.resolve(noble.sha256(bytes)) })
    await Promise.all(Array.from({ length: 20 }, (_, i) => second.append(intent(30 + i), {})))
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 41 })
  })

  it('AUD-18 takes a database of node-sqlite3-wasm as it is', async () => {
    const database = new sqlite.Database(join(temporaryDirectory(), 'audit.db'))
    const sink = sqliteAuditSink({ database })
    await sink.append(intent(1), {})
    await sink.append(outcome(2, 1), {})
    await expect(sink.append(outcome(3, 1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
    await sink.append(intent(4), {})
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 3 })
    expect(await pagesOf(sink)).toEqual([[3, 2, 1]])
    database.close()
  })

  it('AUD-18 is read back although another process writes at that moment', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const sink = sqliteAuditSink({ database: open(path) })
    await sink.append(intent(1), {})
    const other = open(path)
    other.exec('BEGIN EXCLUSIVE')
    const pages = pagesOf(sink)
    // Several turns in which the reader finds the database locked.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve))
    other.exec('COMMIT')
    expect(await pages).toEqual([[1]])
  })

  it('AUD-18 keeps one chain with two writers', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const database = open(path)
    const sinks = [sqliteAuditSink({ database }), sqliteAuditSink({ database: open(path), name: 'other' })]
    for (let i = 1; i <= 20; i++) await sinks[i % 2]?.append(intent(i), {})
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 20 })
  })

  it('LOG-14 has at most one record that ends an intent, also with several writers', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const database = open(path)
    const sinks = [sqliteAuditSink({ database }), sqliteAuditSink({ database: open(path) })]
    const [one, other] = sinks as [AuditSink, AuditSink]
    for (let i = 1; i <= 3; i++) await one.append(intent(i), {})
    await one.append(outcome(11, 1, { status: 'unknown' }), {})
    await one.append(denied(12, { intent: id(2) }), {})
    await one.append(denied(13), {})
    await one.append(denied(14), {})
    const health = withHealth(other)
    for (const event of [outcome(15, 1), outcome(16, 2), denied(17, { intent: id(1) })]) {
      await expect(health.append(event, {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
    }
    expect(health.health()).toMatchObject({ healthy: true, failed: 0 })
    const released = { kind: 'released', time: 1, vault: 'smtp', downscoped: false } as const
    const late = other.append({ ...released, id: id(19), intent: id(1) }, {})
    await expect(late).rejects.toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
    await other.append({ ...released, id: id(20), intent: id(3) }, {})
    await other.append({ ...released, id: id(21), intent: id(3) }, {})
    await other.append(outcome(18, 3), {})
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 10 })
    expect(() => database.exec('UPDATE audit_log SET outcome_of = NULL')).toThrow('not changed')
    const again = `INSERT OR REPLACE INTO audit_log VALUES (11, 'a', (SELECT hash FROM audit_log WHERE sequence = 10), 'x', '${id(1)}')`
    expect(() => database.exec(again)).toThrow('not changed')
  })

  it('LOG-14 is read back in pages, from the last record', async () => {
    const database = open(join(temporaryDirectory(), 'audit.db'))
    const sink = sqliteAuditSink({ database })
    expect(await pagesOf(sink)).toEqual([])
    database.exec('PRAGMA synchronous = OFF')
    await Promise.all(Array.from({ length: 501 }, (_, i) => sink.append(intent(1 + i), {})))
    const pages = await pagesOf(sink)
    expect(pages.map((page) => page.length)).toEqual([500, 1])
    expect(pages.flat()).toEqual(Array.from({ length: 501 }, (_, i) => 501 - i))
  })

  it('LOG-14 gets the column that the table of an earlier version lacks', async () => {
    const database = open(join(temporaryDirectory(), 'audit.db'))
    const lines = await logOf(2)
    database.exec(
      'CREATE TABLE audit_log (sequence INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, previous TEXT NOT NULL UNIQUE, line TEXT NOT NULL)',
    )
    for (const line of lines) {
      const { sequence, hash, previous } = parseRecord(line)
      prepare(database, 'INSERT INTO audit_log VALUES (?, ?, ?, ?)').run(sequence, hash, previous, line)
    }
    const sink = sqliteAuditSink({ database })
    await sink.append(outcome(3, 1), {})
    await expect(sink.append(outcome(4, 1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SETTLED' })
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 3 })
  })

  it('AUD-18 refuses changes [attack 79]', async () => {
    const database = open(join(temporaryDirectory(), 'audit.db'))
    const sink = sqliteAuditSink({ database, table: 'mail_log' })
    await sink.append(intent(1), {})
    expect(() => database.exec("UPDATE mail_log SET line = 'x'")).toThrow('not changed')
    expect(() => database.exec('DELETE FROM mail_log')).toThrow('not changed')
    expect(() =>
      database.exec("INSERT INTO mail_log VALUES (9, 'a', (SELECT previous FROM mail_log), 'x', NULL)"),
    ).toThrow()
    database.exec('DROP TRIGGER mail_log_no_update')
    database.exec("UPDATE mail_log SET line = replace(line, '/mail/send', '/mail/read')")
    expect(await verifyAuditLog(readSqliteLines(database, 'mail_log'))).toMatchObject({ fault: { kind: 'edited' } })
  })

  it.each(['OFF', 'ON'])(
    'AUD-32 refuses the replacement of rows, with recursive_triggers %s [attack 79]',
    async (state) => {
      const database = open(join(temporaryDirectory(), 'audit.db'))
      const sink = sqliteAuditSink({ database })
      for (let i = 1; i <= 3; i++) await sink.append(intent(i), {})
      database.exec(`PRAGMA recursive_triggers = ${state}`)
      const before = database.prepare('SELECT * FROM audit_log ORDER BY sequence').all()
      const row = (sequence: string, hash: string, previous: string): string =>
        `INTO audit_log (sequence, hash, previous, line) VALUES (${sequence}, ${hash}, ${previous}, 'x')`
      const hashOf = (sequence: number): string => `(SELECT hash FROM audit_log WHERE sequence = ${sequence})`
      const previousOf = (sequence: number): string => `(SELECT previous FROM audit_log WHERE sequence = ${sequence})`
      const rows = [
        row('2', "'a'", "'b'"),
        row('4', hashOf(2), hashOf(3)),
        row('4', "'a'", previousOf(2)),
        row('4', hashOf(3), hashOf(3)),
        row('9', "'a'", "'b'"),
        row('0', "'a'", "'b'"),
        row('-1', "'a'", "'b'"),
        row('NULL', hashOf(1), previousOf(1)),
        row('4.0', hashOf(1), "'b'"),
        row("'4'", hashOf(1), "'b'"),
      ]
      const adding = [
        'INSERT',
        'REPLACE',
        ...['REPLACE', 'IGNORE', 'ABORT', 'FAIL', 'ROLLBACK'].map((or) => `INSERT OR ${or}`),
      ]
      const changing = ['', 'OR REPLACE', 'OR IGNORE', 'OR ROLLBACK', 'OR FAIL'].flatMap((or) => [
        `UPDATE ${or} audit_log SET line = 'x' WHERE sequence = 2`,
        `UPDATE ${or} audit_log SET sequence = 2, hash = 'a', previous = 'b' WHERE sequence = 3`,
        `UPDATE ${or} audit_log SET rowid = 7 WHERE sequence = 3`,
      ])
      const others = [
        `INSERT ${row('2', "'a'", "'b'")} ON CONFLICT DO UPDATE SET line = 'x'`,
        `INSERT ${row('4', hashOf(2), "'b'")} ON CONFLICT (hash) DO UPDATE SET line = 'x'`,
        'INSERT OR REPLACE INTO audit_log SELECT sequence, hash, previous, upper(line), NULL FROM audit_log',
        'DELETE FROM audit_log WHERE sequence = 3',
        'DELETE FROM audit_log',
      ]
      for (const statement of [
        ...adding.flatMap((verb) => rows.map((one) => `${verb} ${one}`)),
        ...changing,
        ...others,
      ]) {
        expect(() => database.exec(statement), statement).toThrow('not changed')
        expect(database.prepare('SELECT * FROM audit_log ORDER BY sequence').all(), statement).toEqual(before)
      }
      await sink.append(intent(4), {})
      expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true, records: 4 })
    },
  )

  it('AUD-32 does not protect against a change of the schema, which the verifier detects', async () => {
    const database = open(join(temporaryDirectory(), 'audit.db'))
    const sink = sqliteAuditSink({ database })
    for (let i = 1; i <= 3; i++) await sink.append(intent(i), {})
    for (const trigger of ['no_update', 'no_delete', 'no_replace']) database.exec(`DROP TRIGGER audit_log_${trigger}`)
    database.exec(
      "INSERT OR REPLACE INTO audit_log SELECT sequence, hash, previous, replace(line, 'send', 'read'), NULL FROM audit_log WHERE sequence = 2",
    )
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ fault: { kind: 'edited', sequence: 2 } })
    sqliteAuditSink({ database })
    expect(() => database.exec('DELETE FROM audit_log')).toThrow('not changed')
  })

  it('AUD-18 refuses events while the database does, and continues afterwards [attack 78]', async () => {
    const path = join(temporaryDirectory(), 'audit.db')
    const database = open(path)
    const sink = sqliteAuditSink({ database })
    await sink.append(intent(1), {})
    const blocker = open(path)
    blocker.exec('BEGIN EXCLUSIVE')
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    blocker.exec('ROLLBACK')
    expect(await sink.append(intent(3), {})).toMatchObject({ sequence: 2 })
    database.exec('PRAGMA max_page_count = 1')
    const full = Array.from({ length: 60 }, (_, i) => sink.append(intent(i, { vault: 'x'.repeat(500) }), {}))
    expect((await Promise.allSettled(full)).some(({ status }) => status === 'rejected')).toBe(true)
    database.exec('PRAGMA max_page_count = 100000')
    await sink.append(intent(4), {})
    expect(await verifyAuditLog(readSqliteLines(database))).toMatchObject({ valid: true })
  })

  it('AUD-18 does not write abandoned events', async () => {
    const database = open(join(temporaryDirectory(), 'audit.db'))
    const sink = sqliteAuditSink({ database })
    await expect(sink.append(intent(1), { signal: AbortSignal.abort(new Error('late')) })).rejects.toMatchObject({
      code: 'ERR_AUDIT_UNCONFIRMED',
    })
    expect([...readSqliteLines(database)]).toEqual([])
  })

  it.each(['', 'a b', 'a;drop', '"a"', 'A', '1a', 'main.log', 'a'.repeat(51)])(
    'AUD-18 refuses the table name `%s`',
    (table) => {
      const database = open(join(temporaryDirectory(), 'audit.db'))
      expect(() => sqliteAuditSink({ database, table })).toThrow(ArgumentError)
      expect(() => [...readSqliteLines(database, table)]).toThrow(ArgumentError)
    },
  )
})
