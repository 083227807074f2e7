/**
 * The program that `test/tools/sqlite-drivers.ts` runs with each driver: every conformance case.
 *
 * @module
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { openSqliteLog } from '../../../packages/cli/src/cli/logs/sqlite-log.ts'
import { sqliteAuditSink } from '../../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { prepareSqliteStores } from '../../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqlitePersonalKeyStore } from '../../../src/stores/sqlite/sqlite-personal-key-store.ts'
import { sqliteProcessedSets } from '../../../src/stores/sqlite/sqlite-processed-sets.ts'
import { sqliteStores } from '../../../src/stores/sqlite/sqlite-stores.ts'
import type { SqliteDatabase } from '../../../src/support/sqlite.ts'
import type { OpenedStore } from '../../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../../src/testing/limit-store-cases.ts'
import { personalKeyStoreCases } from '../../../src/testing/personal-key-store-cases.ts'
import { processedSetsCases } from '../../../src/testing/processed-sets-cases.ts'
import { replayStoreCases } from '../../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../../src/time.ts'
import { denied } from '../../audit/events.ts'
import { clock } from '../../support/actors.ts'
import { playScenario, scenarioVerdicts } from '../call-store-scenario.ts'
import { type Driver, type DriverDatabase, loadDriver } from './open-driver.ts'

const secret = new Uint8Array(32).fill(7)
const open = await loadDriver(process.argv[2] as Driver)

function openStore<Store>(clock: Clock, make: (database: DriverDatabase) => Store): OpenedStore<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-driver-'))
  const connections: DriverDatabase[] = []
  const next = (): DriverDatabase => {
    const database = open(join(folder, 'state.db'))
    connections.push(database)
    return database
  }
  prepareSqliteStores({ database: next(), secret, epoch: 0 })
  return {
    store: make(next()),
    another: async () => make(next()),
    async erase() {
      next().exec(
        'DELETE FROM procura_stores; DELETE FROM procura_calls; DELETE FROM procura_revocations; DELETE FROM procura_limits',
      )
    },
    prepareAgain: async () => prepareSqliteStores({ database: next(), secret, clock }),
    async close() {
      for (const connection of connections) connection.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** A destroyed key is in no file, also when another connection was reading. */
async function destroyWhileRead(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-driver-'))
  const file = join(folder, 'state.db')
  const [database, reader] = [open(file), open(file)]
  prepareSqliteStores({ database, secret, epoch: 0 })
  const keys = sqlitePersonalKeyStore({ database, secret, busyTimeoutMs: 50 })
  await keys.obtain('alice', {})
  const [row] = reader.prepare('SELECT sealed FROM procura_personal_keys').all() as readonly { sealed: Uint8Array }[]
  const sealed = Buffer.from(row?.sealed ?? [])
  reader.exec('BEGIN')
  reader.prepare('SELECT * FROM procura_stores').all()
  const first = await keys.destroy('alice').then(
    () => true,
    () => false,
  )
  reader.exec('COMMIT')
  if (!first) await keys.destroy('alice')
  const found = ['', '-wal', '-journal'].some((end) => {
    try {
      return readFileSync(`${file}${end}`).includes(sealed)
    } catch {
      return false
    }
  })
  database.close()
  reader.close()
  rmSync(folder, { recursive: true })
  if (sealed.length === 0 || found) throw new Error('a destroyed key remains in a file')
}

/** STO-11: decisions are the same whether the stores are asked together or one after the other. */
async function askTogether(): Promise<void> {
  const verdicts = async (isTogether: boolean): Promise<readonly string[]> => {
    const { store, close } = openStore(clock, (database) => sqliteStores({ database, secret, clock }))
    const { callStore, ...apart } = store
    const found = await playScenario(isTogether ? { ...apart, callStore } : apart)
    await close()
    return found
  }
  const [together, apart, expected] = [await verdicts(true), await verdicts(false), scenarioVerdicts].map(String)
  if (together !== expected || apart !== expected) throw new Error(`together: ${together}; apart: ${apart}`)
}

/** The program opens a log for reading with the driver that the project has, or with the one of Node. */
async function openLog(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'procura-driver-'))
  const [project, file] = [process.cwd(), join(folder, 'log.db')]
  const database = open(file)
  const sink = sqliteAuditSink({ database: database as unknown as SqliteDatabase })
  await sink.append(denied(1), {})
  await sink.close?.()
  database.close()
  if (process.argv[2] === 'node:sqlite') process.chdir(folder)
  const log = await openSqliteLog(file, 'audit_log').finally(() => process.chdir(project))
  let found = 0
  for await (const _ of log.lines(0)) found++
  log.close()
  rmSync(folder, { recursive: true })
  if (found !== 1) throw new Error(`the log has ${found} records`)
}

const cases = [
  ...replayStoreCases(
    async ({ clock }) => {
      const opened = openStore(clock, (database) => sqliteStores({ database, secret, clock }).replay)
      return { ...opened, prune: () => opened.store.prune() }
    },
    { without: ['interrupt'] },
  ),
  ...revocationStoreCases(
    async ({ clock }) => {
      const opened = openStore(clock, (database) => sqliteStores({ database, secret, clock }).revocations)
      return { ...opened, prune: () => opened.store.prune() }
    },
    { without: ['interrupt'] },
  ),
  ...revocationJournalCases(
    async ({ clock }) => openStore(clock, (database) => sqliteStores({ database, secret, clock }).revocations),
    { without: ['interrupt'] },
  ),
  ...limitStoreCases(
    async ({ clock }) => {
      const opened = openStore(clock, (database) => sqliteStores({ database, secret, clock }).limitStore)
      return { ...opened, prune: () => opened.store.prune() }
    },
    { without: ['interrupt'] },
  ),
  ...personalKeyStoreCases(
    async ({ clock }) => openStore(clock, (database) => sqlitePersonalKeyStore({ database, secret })),
    { without: ['interrupt', 'erase'] },
  ),
  ...processedSetsCases(
    async ({ clock }) => {
      const opened = openStore(clock, (database) => sqliteProcessedSets({ database, secret, clock }))
      return { ...opened, prune: () => opened.store.prune() }
    },
    { without: ['interrupt'] },
  ),
  { name: 'STO-11 answers everything about a call in one transaction', run: askTogether },
  // node-sqlite3-wasm reads no file in WAL mode, and the program does not run on the others in Bun.
  ...(['better-sqlite3', 'node:sqlite'].includes(process.argv[2] ?? '')
    ? [{ name: 'CLI-10 opens a log', run: openLog }]
    : []),
  { name: 'PRV-04 leaves no copy of a destroyed key', run: destroyWhileRead },
]
const failures: string[] = []
for (const { name, run } of cases) await run().catch((error: unknown) => failures.push(`${name}: ${String(error)}`))
process.stdout.write(`${cases.length - failures.length} of ${cases.length} cases pass ${failures.join('; ')}\n`)
process.exitCode = failures.length === 0 ? 0 : 1
