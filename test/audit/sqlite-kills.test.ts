import fs from 'node:fs'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseRecord } from '../../src/audit/events/record.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { likeBetterSqlite } from '../support/like-better-sqlite.ts'
import { openAfterKill } from '../support/open-after-kill.ts'
import { id, intent } from './events.ts'
import { memoryDirectory } from './jsonl/temporary.ts'

afterEach(() => vi.restoreAllMocks())

/** The files as a process leaves them that is killed at one moment, and what it had confirmed by then. */
interface Killed {
  readonly path: string
  /** The operation that it was about to make. */
  readonly before: string
  readonly confirmed: readonly string[]
}

/** Writes events, and copies the files before each operation that changes one of them. */
async function killedBeforeEach(folder: string, events: number): Promise<readonly Killed[]> {
  const path = join(folder, 'audit.db')
  const confirmed: string[] = []
  const all: Killed[] = []
  for (const name of ['writeSync', 'ftruncateSync', 'unlinkSync'] as const) {
    const make = fs[name] as (...values: unknown[]) => unknown
    vi.spyOn(fs, name).mockImplementation(((...values: unknown[]) => {
      const image = join(folder, `${all.length}.db`)
      all.push({ path: image, before: `${name} ${all.length}`, confirmed: [...confirmed] })
      for (const end of ['', '-journal'])
        if (fs.existsSync(`${path}${end}`)) fs.copyFileSync(`${path}${end}`, `${image}${end}`)
      return make(...values)
    }) as never)
  }
  const database = likeBetterSqlite(new sqlite.Database(path))
  const sink = sqliteAuditSink({ database })
  for (let number = 0; number < events; number += 2) {
    const two = [number, number + 1].map(async (mine) => {
      await sink.append(intent(mine, { vault: 'x'.repeat((mine * 37) % 300) }), {})
      confirmed.push(id(mine))
    })
    await Promise.all(two)
  }
  await sink.close()
  vi.restoreAllMocks()
  database.close()
  return all
}

/** Continues a log, and returns what is wrong with it. */
async function wrongIn({ path, before, confirmed }: Killed): Promise<readonly string[]> {
  try {
    const wrong = await wrongWith(likeBetterSqlite(openAfterKill(sqlite, path)), confirmed)
    return wrong.map((what) => `${before}, after ${confirmed.length} confirmed: ${what}`)
  } catch (cause) {
    return [`${before}, after ${confirmed.length} confirmed: ${cause}`]
  }
}

async function wrongWith(
  database: ReturnType<typeof likeBetterSqlite>,
  confirmed: readonly string[],
): Promise<readonly string[]> {
  try {
    await sqliteAuditSink({ database }).append(intent(1_000_000), {})
    const lines = [...readSqliteLines(database)]
    const found = new Set(lines.map((line) => parseRecord(line).event.id))
    const report = await verifyAuditLog(lines)
    const checked = JSON.stringify(database.prepare('PRAGMA integrity_check').all())
    return [
      ...confirmed.filter((name) => !found.has(name)).map((name) => `lost ${name}`),
      ...(report.valid ? [] : [JSON.stringify(report)]),
      ...(checked === '[{"integrity_check":"ok"}]' ? [] : [checked]),
    ]
  } finally {
    database.close()
  }
}

describe('a process that writes a log in SQLite', () => {
  it('AUD-18 and is killed before any operation on the files loses nothing confirmed [attack 78]', async () => {
    const all = await killedBeforeEach(memoryDirectory(), 24)
    expect(new Set(all.map(({ confirmed }) => confirmed.length)).size).toBe(12)
    const wrong: string[] = []
    for (const killed of all) wrong.push(...(await wrongIn(killed)))
    expect(wrong).toEqual([])
  }, 60_000)
})
