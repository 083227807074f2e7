import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import sqlite from 'node-sqlite3-wasm'
import { Pool } from 'pg'
import { expect, onTestFinished } from 'vitest'
import { parseRecord } from '../../src/audit/events/record.ts'
import { openJsonlLog } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { readSqliteLines, sqliteAuditSink } from '../../src/audit/sinks/sqlite/sqlite-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { postgresAuditSchema, readPostgresLines } from '../../src/entries/audit/postgres.ts'
import { fileDelegationStore } from '../../src/stores/delegation-file/file-delegation-store.ts'
import { openFileStore } from '../../src/vault/stores/file/file-store.ts'
import { shortLease } from '../audit/jsonl/short-lease.ts'
import { root } from '../setup/entries.ts'
import { bundleProgram } from '../support/bundle-program.ts'
import { likeBetterSqlite } from '../support/like-better-sqlite.ts'
import { openAfterKill } from '../support/open-after-kill.ts'
import type { Task } from './process.ts'

/** Where processes write that are killed. */
export interface Place {
  /** The parameters of a process of this place. */
  task(start: number): Task
  /** Most writes that a process of `killAmong` has confirmed before it is killed. Default 30. */
  readonly writes?: number
  /** Continues after the kills, and checks the contents against the names that the processes printed. */
  finish(): Promise<ReadonlySet<string>>
}

/** The bundled process, so that each one starts quickly; it is beside the packages that it loads. */
export async function bundleProcess(): Promise<{ readonly program: string; remove(): void }> {
  const cache = `${root}node_modules/.cache`
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'procura-kill-'))
  const entry = fileURLToPath(new URL('./process.ts', import.meta.url))
  const program = await bundleProgram(entry, join(folder, 'process.mjs'), ['pg', 'node-sqlite3-wasm'])
  return { program, remove: () => rmSync(folder, { recursive: true }) }
}

/** A log in files. */
export function jsonlPlace(directory: string, leaseMs?: number): Place {
  const timing = leaseMs === undefined ? undefined : shortLease(leaseMs)
  const policies = ['group', 'none', 'always'] as const
  return {
    task(start) {
      const sync = policies[Math.floor(start / 1_000_000) % 3] ?? 'group'
      return { kind: 'jsonl', place: directory, sync, start, parallel: 4, ...(leaseMs !== undefined && { leaseMs }) }
    },
    async finish() {
      await (await openJsonlLog({ directory }, timing)).sink.close()
      return verified(readJsonlLines({ directory }))
    },
  }
}

/** A log in SQLite. */
export function sqlitePlace(path: string): Place {
  return {
    task: (start) => ({ kind: 'sqlite', place: path, start, parallel: 2 }),
    async finish() {
      const database = likeBetterSqlite(openAfterKill(sqlite, path))
      onTestFinished(() => database.close())
      await sqliteAuditSink({ database }).close()
      return verified(readSqliteLines(database))
    },
  }
}

/** A log in PostgreSQL, whose table is made. */
export async function postgresPlace(address: string): Promise<Place> {
  const owner = new Pool({ connectionString: address, max: 1 })
  owner.on('error', () => undefined)
  for (let made = false; !made; ) {
    made = await owner.query(postgresAuditSchema()).then(
      () => true,
      async (error: { readonly code?: string }) => {
        // The server answers already, and goes through its files still.
        if (error.code !== '57P03') throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
        return false
      },
    )
  }
  return {
    task: (start) => ({ kind: 'postgres', place: address, start, parallel: 4 }),
    async finish() {
      const found = await verified(readPostgresLines(owner))
      await owner.end()
      return found
    },
  }
}

/** A file of credentials, to which each writer adds versions. */
export function vaultPlace(path: string, leaseMs?: number): Place {
  const timing = leaseMs === undefined ? undefined : shortLease(leaseMs)
  return {
    task: (start) => ({ kind: 'vault', place: path, start, parallel: 1, ...(leaseMs !== undefined && { leaseMs }) }),
    async finish() {
      const key = { bytes: new Uint8Array(32).fill(7) }
      const settings = { create: false, scryptCost: 16_384, lockTimeoutMs: 60_000, readTimeoutMs: 60_000 }
      const store = await openFileStore({ path, key, ...settings }, timing)
      await store.change(({ contents }) => contents.records)
      // Nothing is left of the writers that were killed in the midst of a write.
      expect(readdirSync(`${path}.lock`)).toEqual([expect.stringMatching(/-free$/)])
      const { records } = (await store.read()).contents
      expect(new Set(records.map(({ version }) => version)).size).toBe(records.length)
      return new Set(records.map(({ version }) => String(version)))
    },
  }
}

/** A file of delegations, to which each writer adds some. */
export function delegationsPlace(path: string): Place {
  return {
    task: (start) => ({ kind: 'delegations', place: path, start, parallel: 1 }),
    // Each write is of the whole file.
    writes: 6,
    async finish() {
      const store = fileDelegationStore({ path, maxEntries: 10_000, lockTimeoutMs: 60_000 })
      await store.change({ add: new Map(), remove: [] }, {})
      expect(readdirSync(`${path}.lock`)).toEqual([expect.stringMatching(/-free$/)])
      const found = await Promise.all((await store.load({})).map((bytes) => decodeDelegation(bytes)))
      return new Set(found.map(({ cid }) => String(cid)))
    },
  }
}

/** The events of a log, which must have neither forks nor gaps. */
async function verified(lines: AsyncIterable<string> | Iterable<string>): Promise<ReadonlySet<string>> {
  const all: string[] = []
  for await (const line of lines) all.push(line)
  expect(await verifyAuditLog(all)).toMatchObject({ valid: true, records: all.length })
  return new Set(all.map((line) => parseRecord(line).event.id))
}

/** How the process is started out here. */
export function plain(program: string, task: Task): readonly [string, ...string[]] {
  return [process.execPath, program, JSON.stringify(task)]
}
