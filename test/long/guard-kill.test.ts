import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bundleGuard, killGuards } from '../guard/kill-guards.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'procura-guard-long-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a process with a guard', () => {
  it('GRD-01 P15: killed two hundred times, has reached the upstream with nothing that is not on record [attack 78]', async () => {
    const report = await killGuards(await bundleGuard(folder), join(folder, 'log'), 200)
    process.stdout.write(`${JSON.stringify(report)}\n`)
    expect(report).toMatchObject({ kills: 200, unrecorded: [], lost: [] })
    expect(report.done).toBeGreaterThan(200)
    expect(report.unknown).toBeGreaterThan(0)
  })
})
