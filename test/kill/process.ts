// node only: a process that writes to a log, a vault or a file of delegations until it is killed

import process from 'node:process'
import type { AuditSink } from '../../src/audit/sink.ts'
import { openJsonlLog } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import type { SyncPolicy } from '../../src/audit/sinks/jsonl/open-log.ts'
import { postgresAuditSink } from '../../src/audit/sinks/postgres/postgres-audit-sink.ts'
import { sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import { Secret } from '../../src/vault/secret.ts'
import { openFileStore } from '../../src/vault/stores/file/file-store.ts'
import { sealRecord } from '../../src/vault/stores/file/format.ts'
import { id, intent } from '../audit/events.ts'
import { say } from '../audit/jsonl/say.ts'
import { shortLease } from '../audit/jsonl/short-lease.ts'
import { actor } from '../support/actors.ts'
import { likeBetterSqlite } from '../support/like-better-sqlite.ts'
import { openAfterKill } from '../support/open-after-kill.ts'

/** The parameters of the process, as JSON. */
export interface Task {
  readonly kind: 'delegations' | 'jsonl' | 'sqlite' | 'postgres' | 'vault'
  /** A directory, a file, or the address of a server. */
  readonly place: string
  readonly sync?: SyncPolicy
  /** The number of the first event; two processes use different ranges. */
  readonly start: number
  /** Writes at the same time. */
  readonly parallel: number
  /** The lease of the lock; default `lockTiming`. */
  readonly leaseMs?: number
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const timing = task.leaseMs === undefined ? undefined : shortLease(task.leaseMs)
let number = task.start

/** Writes once, and resolves to the name under which the written data is found again. */
async function writerOf({ kind, place, sync = 'group' }: Task): Promise<() => Promise<string>> {
  if (kind === 'vault') return vaultWriter(place)
  if (kind === 'delegations') return delegationWriter(place)
  const sink = await sinkOf(kind, place, sync)
  return async () => {
    const mine = number++
    await sink.append(intent(mine, { vault: 'x'.repeat(mine % 300) }), {})
    return id(mine)
  }
}

async function delegationWriter(path: string): Promise<() => Promise<string>> {
  const store = fileDelegationStore({ path, maxEntries: 10_000, lockTimeoutMs: 60_000 })
  const [owner, agent] = [await actor('owner'), await actor('agent')]
  return async () => {
    const { cid, bytes } = await delegate({ issuer: owner, audience: agent.did, command: '/mail' })
    await store.change({ add: new Map([[String(cid), bytes]]), remove: [] }, {})
    return String(cid)
  }
}

async function sinkOf(kind: Task['kind'], place: string, sync: SyncPolicy): Promise<AuditSink> {
  if (kind === 'jsonl') return (await openJsonlLog({ directory: place, sync, maxBytes: 16_384 }, timing)).sink
  if (kind === 'sqlite') return sqliteAuditSink({ database: await openDatabase(place) })
  const { Pool } = await import('pg')
  const pool = new Pool({ connectionString: place, max: 2 })
  pool.on('error', () => undefined)
  return postgresAuditSink({ pool })
}

async function openDatabase(path: string): Promise<SqliteDatabase> {
  const { default: sqlite } = await import('node-sqlite3-wasm')
  return likeBetterSqlite(openAfterKill(sqlite, path))
}

/** An error and its causes, in one line. */
function described(error: unknown): string {
  const { code, message, cause } = error as { code?: string; message: string; cause?: unknown }
  const own = `${code} ${message.replaceAll('\n', ' ')}`
  return cause === undefined ? own : `${own}; cause: ${described(cause)}`
}

async function vaultWriter(path: string): Promise<() => Promise<string>> {
  const key = { bytes: new Uint8Array(32).fill(7) }
  const options = { path, key, create: true, scryptCost: 16_384, lockTimeoutMs: 60_000, readTimeoutMs: 60_000 }
  const store = await openFileStore(options, timing)
  return async () => {
    let version = 0
    await store.change(({ contents, keys }, revision) => {
      version = revision
      const record = { name: String(task.start), version, created: 0, rules: '{}' }
      return [...contents.records, sealRecord(keys, record, new Secret('x'))]
    })
    return String(version)
  }
}

try {
  const write = await writerOf(task)
  say('open')
  const work = async (): Promise<void> => {
    for (let turn = 1; ; turn++) {
      try {
        say(`ok ${await write()}`)
      } catch (error) {
        const { code } = error as { code?: string }
        // Another process took its turn, or a connection broke: the next one may work.
        if (code !== 'ERR_VAULT_UNAVAILABLE' && code !== 'ERR_AUDIT_UNCONFIRMED') throw error
        say(`refused ${described(error)}`)
      }
      // Without a sync nothing in here waits for the system, and no signal would be seen.
      if (turn % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await Promise.all(Array.from({ length: task.parallel }, work))
} catch (error) {
  say(`failed ${described(error)}`)
  process.exit(3)
}
