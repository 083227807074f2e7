import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openJsonlLog } from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { machineFiles } from '../../../src/audit/sinks/jsonl/log-files.ts'
import { intent } from '../events.ts'
import { bundleWriter, startWriter } from './child.ts'
import { leaveLock } from './leave-lock.ts'
import { shortLease } from './short-lease.ts'
import { standStill, takeOver } from './stand-still.ts'

let folder: string
let writer: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-still-'))
  writer = await bundleWriter(folder)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a suspended writer whose lock another process has taken', () => {
  async function check(at: number, operation: string): Promise<void> {
    const report = await standStill(writer, join(folder, String(at)), at)
    expect(report).toMatchObject({ operation, refused: 14 })
    expect(report.confirmed).toHaveLength(7)
  }

  it('AUD-38 does not replace a file of the new holder', () => check(6, 'sync'))

  it('AUD-38 writes to no file of the log', () => check(20, 'write'))

  it('AUD-39 confirms no record that the log of the new holder may lack', () => check(21, 'sync'))

  it('AUD-38 creates no file of the log, which would prevent the next process from opening it', async () => {
    const directory = join(folder, 'late-file')
    let still = (): void => undefined
    const files = {
      ...machineFiles,
      write(file: number, bytes: Uint8Array) {
        still()
        return machineFiles.write(file, bytes)
      },
    }
    const { sink } = await openJsonlLog({ directory, files }, shortLease(60))
    await sink.append(intent(1), {})
    still = () => {
      still = () => undefined
      // Another process opens the log, appends nothing, and closes it.
      takeOver(writer, [directory, 'group', '2', '4096', '1', '60', '0'])
    }
    // The first event is in no file of the log. The second is so much later that it needs a new file.
    for (const event of [intent(2), intent(3, { time: 1_900_000_000 })]) {
      await expect(sink.append(event, {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    }
    await sink.close()
    expect(readdirSync(directory)).toEqual(['audit-0000000000000001.jsonl', 'audit.lock'])
    const next = await openJsonlLog({ directory }, shortLease(60))
    expect(await next.sink.append(intent(4), {})).toMatchObject({ sequence: 2 })
    await next.sink.close()
  })
})

describe('a writer that takes an unreleased lock', () => {
  it('AUD-14 renews it while it copies the last file, on a disk that is slower than a lease', async () => {
    const directory = join(folder, 'slow')
    const lease = shortLease(500)
    const before = await openJsonlLog({ directory }, lease)
    await before.sink.append(intent(1), {})
    await before.sink.close()
    leaveLock(directory, { started: '1' })
    const other = ['group', '2', '4096', '1', '500', '0']
    let said: readonly string[] = []
    const files = {
      ...machineFiles,
      async sync(file: number) {
        files.sync = machineFiles.sync
        const waiting = startWriter(process.execPath, [writer, directory, ...other])
        await waiting.ended
        said = waiting.lines()
        await machineFiles.sync(file)
      },
      syncNow(file: number) {
        files.syncNow = machineFiles.syncNow
        said = execFileSync(process.execPath, [writer, directory, ...other])
          .toString()
          .split('\n')
        machineFiles.syncNow(file)
      },
    }
    const { sink } = await openJsonlLog({ directory, files }, lease)
    expect(said).toEqual([expect.stringMatching(/^failed ERR_AUDIT_CONFIGURATION .* writes this log/)])
    expect(await sink.append(intent(3), {})).toMatchObject({ sequence: 2 })
    await sink.close()
  })
})
