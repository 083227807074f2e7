import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openJsonlAuditSink } from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines } from '../../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../../src/audit/verify/verify-audit-log.ts'
import { shortRuns } from '../../property/runs.ts'
import { intent } from '../events.ts'
import { bundleWriter, startWriter } from './child.ts'
import { killWriters } from './kill.ts'
import { canMount, mountSmallDisk } from './small-disk.ts'
import { temporaryDirectory } from './temporary.ts'

let bundled: string
let writer: string

beforeAll(async () => {
  bundled = mkdtempSync(join(tmpdir(), 'procura-writer-'))
  writer = await bundleWriter(bundled)
})

afterAll(() => rmSync(bundled, { recursive: true, force: true }))

describe('a killed process', () => {
  const kills = Math.max(3, shortRuns(20).numRuns)

  it(`AUD-11 loses no confirmed record in ${kills} kills [attack 78]`, async () => {
    const report = await killWriters(writer, temporaryDirectory(), kills, ['group', 'none', 'always'])
    expect(report.missing).toBe(0)
    expect(report.confirmed).toBeGreaterThan(kills)
    expect(report.repaired).toBeLessThanOrEqual(kills)
  }, 60_000)

  it('AUD-14 leaves the log to one of four waiting processes', async () => {
    const directory = temporaryDirectory()
    const writers = Array.from({ length: 4 }, (_, i) =>
      startWriter(process.execPath, [writer, directory, 'group', String(1 + i * 100_000), '16384', '4', '1000']),
    )
    for (let round = 0; round < 2; round++) {
      const start = (): void => {
        if (round > 0)
          writers.push(startWriter(process.execPath, [writer, directory, 'group', '900000', '16384', '4', '1000']))
      }
      start()
      await Promise.all(
        writers.slice(round === 0 ? 0 : 4).map((one) => Promise.race([one.said('open'), one.said('failed')])),
      )
      const holding = writers.filter(({ child }) => child.exitCode === null && child.signalCode === null)
      const holders = holding.filter((one) => one.lines()[0] === 'open')
      expect(holders).toHaveLength(1)
      await holders[0]?.said('0')
      holders[0]?.child.kill('SIGKILL')
      await Promise.all(writers.map(({ ended }) => ended))
    }
    const refused = writers.flatMap((one) => one.lines()).filter((line) => line.startsWith('failed'))
    expect(refused).toHaveLength(3)
    for (const line of refused) expect(line).toMatch(/^failed ERR_AUDIT_CONFIGURATION process \d+ on /)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
  }, 30_000)
})

describe('a full disk', () => {
  it('AUD-12 ends at the size limit of a file: appends are refused, and every confirmed record is kept [attack 78]', async () => {
    const directory = temporaryDirectory()
    const command = `ulimit -f 64; exec "${process.execPath}" "${writer}" "${directory}" group 1 99999999 1`
    const limited = startWriter('/bin/bash', ['-c', command])
    await limited.said('failed')
    await limited.ended
    const lines = limited.lines()
    expect(lines.at(-1)).toMatch(/^failed ERR_AUDIT_(SHORT_WRITE|UNCONFIRMED) /)
    const confirmed = lines.filter((line) => /^[0-9a-f]{32}$/.test(line)).length
    const report = await verifyAuditLog(readJsonlLines({ directory }))
    expect(report).toMatchObject({ valid: true, records: confirmed })
    const sink = await openJsonlAuditSink({ directory })
    expect(await sink.append(intent(1), {})).toMatchObject({ sequence: confirmed + 1 })
    await sink.close()
  }, 30_000)

  const mount = canMount()

  it.runIf(mount)(
    'AUD-12 of 256 KiB refuses appends, and accepts them again within a second of having room [attack 78]',
    async () => {
      const disk = mountSmallDisk()
      const filler = join(disk, 'filler')
      writeFileSync(filler, new Uint8Array(100_000))
      const sink = await openJsonlAuditSink({ directory: join(disk, 'log') })
      let confirmed = 0
      const fill = async (): Promise<unknown> => {
        for (;;) {
          try {
            await sink.append(intent(1), {})
            confirmed++
          } catch (error) {
            return error
          }
        }
      }
      expect(await fill()).toMatchObject({ code: expect.stringMatching(/^ERR_AUDIT_(SHORT_WRITE|UNCONFIRMED)$/) })
      for (let i = 0; i < 3; i++) {
        await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_AUDIT_/) })
      }
      rmSync(filler)
      const began = performance.now()
      await sink.append(intent(3), {})
      expect(performance.now() - began).toBeLessThan(1000)
      await sink.close()
      const report = await verifyAuditLog(readJsonlLines({ directory: join(disk, 'log') }))
      expect(report).toMatchObject({ valid: true, records: confirmed + 1 })
    },
  )
})
