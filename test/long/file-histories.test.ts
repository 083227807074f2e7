import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openFileStore } from '../../src/vault/stores/file/file-store.ts'
import { temporaryDirectory } from '../audit/jsonl/temporary.ts'
import { killAmong } from '../kill/kills.ts'
import { bundleProcess, delegationsPlace, vaultPlace } from '../kill/places.ts'
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

  it('VLT-23 VLT-24 lose no version of a vault that two of them write, and a reader sees a whole file', async () => {
    const { program, remove } = await bundleProcess()
    const sum = { files: 0, kills: 0, confirmed: 0, reads: 0 }
    const play = async (): Promise<void> => {
      while (sum.kills < numRuns) {
        sum.files += 1
        const path = join(temporaryDirectory(), 'vault')
        const reader = await readWhile(path)
        const report = await killAmong(program, vaultPlace(path), 40, 2)
        sum.reads += await reader.end()
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
    expect(sum.reads).toBeGreaterThan(numRuns)
    process.stdout.write(`vaults in files: ${JSON.stringify(sum)}, 0 lost, 0 torn reads\n`)
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

/** Reads a vault until `end`, which rejects if a read failed or has fewer versions than one before it. */
async function readWhile(path: string): Promise<{ end(): Promise<number> }> {
  const key = { bytes: new Uint8Array(32).fill(7) }
  const settings = { scryptCost: 16_384, lockTimeoutMs: 60_000, readTimeoutMs: 60_000 }
  const store = await openFileStore({ path, key, create: true, ...settings })
  let isOver = false
  const work = async (): Promise<number> => {
    let reads = 0
    for (let before = 0; !isOver; reads++) {
      const { records } = (await store.read()).contents
      if (records.length < before) throw new Error(`${records.length} versions after ${before}`)
      before = records.length
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    return reads
  }
  const read = work()
  read.catch(() => undefined)
  return {
    end() {
      isOver = true
      return read
    },
  }
}
