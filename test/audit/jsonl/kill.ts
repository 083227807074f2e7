import process from 'node:process'
import { expect } from 'vitest'
import { findOpenIntents } from '../../../src/audit/recovery/find-open-intents.ts'
import { openJsonlAuditSink } from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import type { SyncPolicy } from '../../../src/audit/sinks/jsonl/open-log.ts'
import { readJsonlLines, readJsonlRecords } from '../../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../../src/audit/verify/verify-audit-log.ts'
import { startWriter } from './child.ts'

/** The results of killing writers. */
export interface KillReport {
  readonly kills: number
  readonly confirmed: number
  readonly missing: number
  readonly unconfirmed: number
  readonly repaired: number
}

/** Kills a process that writes a log repeatedly, each time at another moment, and checks the log each time. */
export async function killWriters(
  writer: string,
  directory: string,
  kills: number,
  policies: readonly SyncPolicy[],
): Promise<KillReport> {
  const confirmed = new Set<string>()
  let next = 1
  let unconfirmed = 0
  for (let i = 0; i < kills; i++) {
    const sync = policies[i % policies.length] ?? 'group'
    const process_ = startWriter(process.execPath, [writer, directory, sync, String(next)])
    await process_.said('0')
    await new Promise((resolve) => setTimeout(resolve, (i * 37) % 60))
    process_.child.kill('SIGKILL')
    await process_.ended
    const said = process_.lines().filter((line) => /^[0-9a-f]{32}$/.test(line))
    expect(said.length, process_.lines().join('\n')).toBeGreaterThan(0)
    for (const id of said) confirmed.add(id)
    next += said.length + 100

    const sink = await openJsonlAuditSink({ directory, sync: 'none' })
    await sink.close()
    const report = await verifyAuditLog(readJsonlLines({ directory }))
    expect(report).toMatchObject({ valid: true, head: sink.position() })
  }
  const found = new Set<string>()
  let repaired = 0
  for await (const { event } of readJsonlRecords({ directory })) {
    if (event.kind === 'recovered') repaired++
    else found.add(event.id)
  }
  unconfirmed = [...found].filter((id) => !confirmed.has(id)).length
  const missing = [...confirmed].filter((id) => !found.has(id)).length
  const open = await findOpenIntents(readJsonlRecords({ directory }))
  expect(open.length).toBe(found.size)
  return { kills, confirmed: confirmed.size, missing, unconfirmed, repaired }
}
