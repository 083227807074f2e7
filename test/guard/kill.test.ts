import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findOpenIntents } from '../../src/audit/recovery/find-open-intents.ts'
import { readJsonlLines, readJsonlRecords } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { shortRuns } from '../property/runs.ts'
import { until } from '../support/until.ts'
import { bundleGuard, killGuards, startGuard, startNumberedUpstream } from './kill-guards.ts'

let folder: string
let program: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-guard-'))
  program = await bundleGuard(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a process with a guard', () => {
  it('GRD-01 P15: killed at any moment, has sent only recorded requests to the upstream [attack 78]', async () => {
    const kills = Math.max(3, shortRuns(12).numRuns)
    const report = await killGuards(program, join(folder, 'killed'), kills)
    expect(report).toMatchObject({ kills, unrecorded: [], lost: [] })
    // Each process was killed after its first call.
    expect(report.done).toBeGreaterThanOrEqual(kills)
    expect(report.reached).toBeGreaterThanOrEqual(report.done)
    // AUD-09: the next start records the interrupted calls as unknown.
    expect(report.unknown).toBeGreaterThan(0)
  }, 60_000)

  it('GRD-06 asked to end with two hundred running calls, records all their outcomes, and exits with 0', async () => {
    const directory = join(folder, 'ended')
    const upstream = await startNumberedUpstream(300)
    const child = startGuard(program, directory, { origin: upstream.origin, parallel: 200 })
    await child.said('open')
    await until(() => upstream.numbers.length >= 200, 5)
    child.child.kill('SIGTERM')
    await child.ended
    expect([child.child.exitCode, child.child.signalCode]).toEqual([0, null])
    expect(child.lines()).toContain('closed')
    await upstream.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
    expect(await findOpenIntents(readJsonlRecords({ directory }))).toEqual([])
    const kinds: string[] = []
    for await (const { event } of readJsonlRecords({ directory })) kinds.push(event.kind)
    const count = (kind: string): number => kinds.filter((one) => one === kind).length
    expect(count('intent')).toBeGreaterThanOrEqual(200)
    expect([count('released'), count('outcome')]).toEqual([count('intent'), count('intent')])
  }, 60_000)
})
