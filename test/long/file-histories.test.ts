import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { killAmong } from '../kill/kills.ts'
import { bundleProcess, delegationsPlace } from '../kill/places.ts'
import { longRuns } from '../property/runs.ts'
import { playFileHistories } from '../service/file-history.ts'

const { numRuns, seed, title } = longRuns(Number(process.env['PROCURA_HISTORIES'] ?? 2_000))

describe(`processes with stores in files that are killed while they write (${title})`, () => {
  it('SVC-25 SVC-26 execute no call twice, and none after a confirmed revocation, with any tolerance [attack 15] [attack 19]', async () => {
    const counts = await playFileHistories(numRuns, seed, 4)
    process.stdout.write(`a service in files: ${JSON.stringify(counts)}, 0 twice, 0 beyond a limit, 0 lost\n`)
    expect(counts.executed).toBeGreaterThan(numRuns)
    expect(counts.revoked).toBeGreaterThan(numRuns / 2)
    expect(counts.unconfirmed).toBeGreaterThan(numRuns / 20)
  })

  it('AGT-18 lose no delegation of a file that four of them share', async () => {
    const { program, remove } = await bundleProcess()
    const sum = { files: 0, kills: 0, confirmed: 0 }
    const play = async (): Promise<void> => {
      while (sum.kills < numRuns) {
        sum.files += 1
        const report = await killAmong(program, delegationsPlace(join(temporaryDirectory(), 'agent.ucan')), 40, 4)
        expect(report).toMatchObject({ lost: [], twice: [] })
        sum.kills += report.kills
        sum.confirmed += report.confirmed
      }
    }
    try {
      await Promise.all([play(), play()])
    } finally {
      remove()
    }
    process.stdout.write(`delegations in files: ${JSON.stringify(sum)}, 0 lost\n`)
  })
})
