/**
 * A guard whose calls are recorded in one of the sinks, with a number of calls in progress, in a process of its own.
 * `suites/sinks.ts` starts it, and asks it for a turn by a message.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type AuditSink, memoryAuditSink } from 'procura/audit'
import { openJsonlAuditSink } from 'procura/audit/jsonl'
import { postgresAuditSchema, postgresAuditSink } from 'procura/audit/postgres'
import { sqliteAuditSink } from 'procura/audit/sqlite'
import { backend } from 'procura/backend/node'
import { createGuard } from 'procura/guard'
import { cycle } from '../peers/peer.ts'
import { args, makeChain, optionsFor, send } from './chain.ts'
import { makeRaw } from './raw.ts'

/** The parameters of the process, as JSON. */
export interface SinkOrder {
  readonly sink: SinkKind
  /** A folder, or the address of a server. */
  readonly place: string
  /** Calls in progress. */
  readonly atOnce: number
  /** Whether signatures are verified. Without, the main thread does the rest of a call alone. */
  readonly verifies: boolean
}

/** The sinks. */
export type SinkKind = 'memory' | 'jsonl' | 'sqlite' | 'postgres'

/** The measurements of a turn. Times are microseconds of processor time, delays milliseconds. */
export interface SinkUsage {
  readonly calls: number
  readonly seconds: number
  /** Of all threads of the process. */
  readonly processTime: number
  /** Of the main thread; `NaN` where the system does not report it. */
  readonly mainTime: number
  readonly delay: { readonly median: number; readonly p99: number }
  /** Of one verification by `node:crypto`, at the end of the turn. */
  readonly rawTime: number
}

type Database = Parameters<typeof sqliteAuditSink>[0]['database']

const { sink: kind, place, atOnce, verifies } = JSON.parse(process.argv[2] ?? '') as SinkOrder
const chain = await makeChain(3, { callCount: 256 })
const stubbed = { ...backend, verify: () => true, verifyAsync: async () => true }
const guard = createGuard({
  ...optionsFor(chain),
  commands: [send],
  // A machine that is busy must not refuse a call.
  deadlines: { decisionMs: 60_000 },
  audit: { sink: await openSink(), deadlineMs: 60_000 },
  ...(!verifies && { backend: stubbed }),
})
const next = cycle(chain.containers)
let ends = 0
let calls = 0

process.on('message', (milliseconds: number) => {
  void run(milliseconds).then((usage) => process.send?.(usage))
})
process.once('disconnect', () => process.exit(0))
process.send?.('ready')

async function openSink(): Promise<AuditSink> {
  if (kind === 'memory') return memoryAuditSink({ maxRecords: 100_000_000 })
  if (kind === 'jsonl') return openJsonlAuditSink({ directory: place, maxBytes: 2 ** 32 })
  if (kind === 'sqlite') return sqliteAuditSink({ database: await openDatabase(join(place, 'audit.db')) })
  const { Pool } = (await import('pg')) as typeof import('pg')
  const pool = new Pool({ connectionString: place, max: 4 })
  pool.on('error', () => undefined)
  await pool.query(postgresAuditSchema())
  return postgresAuditSink({ pool })
}

/** The SQLite of the runtime, or one in WebAssembly where the runtime has no SQLite. */
async function openDatabase(path: string): Promise<Database> {
  const builtin = process.getBuiltinModule?.('node:sqlite') as
    | { readonly DatabaseSync: new (path: string) => Database }
    | undefined
  if (builtin !== undefined) return new builtin.DatabaseSync(path)
  const { default: sqlite } = await import('node-sqlite3-wasm')
  const database = new sqlite.Database(path)
  return {
    exec: (sql) => database.exec(sql),
    prepare(sql) {
      const statement = database.prepare(sql)
      return {
        run: (...values) => statement.run([...values]),
        all: (...values) => statement.all([...values]),
      }
    },
  }
}

async function run(milliseconds: number): Promise<SinkUsage> {
  calls = 0
  ends = performance.now() + milliseconds
  const delays = monitorEventLoopDelay({ resolution: 1 })
  delays.enable()
  const start = performance.now()
  const before = { main: mainTime(), process: process.cpuUsage() }
  await Promise.all(Array.from({ length: atOnce }, work))
  const main = mainTime() - before.main
  const { user, system } = process.cpuUsage(before.process)
  const seconds = (performance.now() - start) / 1_000
  delays.disable()
  const delay = { median: delays.percentile(50) / 1e6, p99: delays.percentile(99) / 1e6 }
  return { calls, seconds, processTime: user + system, mainTime: main, delay, rawTime: timeRaw(milliseconds / 10) }
}

/** Makes one call after another. Each begins in a turn of the event loop of its own, as a request does. */
async function work(): Promise<void> {
  while (performance.now() < ends) {
    await new Promise((resolve) => setImmediate(resolve))
    const result = await guard.use(next(), () => args.amount)
    if (!result.allowed) throw new Error(`a call that is in order was refused: ${result.denial.message}`)
    calls += 1
  }
}

/** Microseconds of processor time of the main thread. */
function mainTime(): number {
  try {
    return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]) / 1_000
  } catch {
    return Number.NaN
  }
}

/** Microseconds of processor time of one verification. */
function timeRaw(milliseconds: number): number {
  const { verifyOne } = makeRaw()
  const end = performance.now() + milliseconds
  const before = process.cpuUsage()
  let count = 0
  for (; count === 0 || performance.now() < end; count++) verifyOne()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}
