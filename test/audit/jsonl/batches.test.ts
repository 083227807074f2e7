import { readdirSync, readFileSync, renameSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { AuditSink, Confirmation } from '../../../src/audit/sink.ts'
import { openJsonlAuditSink } from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { type LogFiles, machineFiles } from '../../../src/audit/sinks/jsonl/log-files.ts'
import { readJsonlLines, readJsonlRecords } from '../../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../../src/audit/verify/verify-audit-log.ts'
import { id, intent } from '../events.ts'
import { type Faults, faultyFiles } from './faulty-files.ts'
import { temporaryDirectory } from './temporary.ts'

/** Files that note what is done with them. */
function notedFiles(files: LogFiles = machineFiles): { readonly files: LogFiles; readonly noted: string[] } {
  const noted: string[] = []
  const note =
    <T extends unknown[], R>(name: string, operation: (...given: T) => R) =>
    (...given: T): R => {
      noted.push(name)
      return operation(...given)
    }
  const { write, stateAt, sync, syncNow } = files
  return {
    noted,
    files: {
      ...files,
      write: note('write', write),
      stateAt: note('look', stateAt),
      sync: note('sync', sync),
      syncNow: note('sync', syncNow),
    },
  }
}

function appendMany(sink: AuditSink, from: number, to: number): Promise<Confirmation>[] {
  return Array.from({ length: to - from + 1 }, (_, i) => sink.append(intent(from + i), {}))
}

async function codesOf(appended: readonly Promise<unknown>[]): Promise<(string | undefined)[]> {
  const settled = await Promise.allSettled(appended)
  return settled.map((one) => (one.status === 'rejected' ? one.reason.code : undefined))
}

async function idsIn(directory: string): Promise<string[]> {
  const ids: string[] = []
  for await (const { event } of readJsonlRecords({ directory })) if (event.kind === 'intent') ids.push(event.id)
  return ids
}

function segmentPath(directory: string): string {
  const [name] = readdirSync(directory).filter((one) => one.endsWith('.jsonl'))
  return join(directory, name ?? '')
}

const ids = (from: number, to: number): string[] => Array.from({ length: to - from + 1 }, (_, i) => id(from + i))

describe('events of one turn in a log in files', () => {
  it('AUD-11 share one write and one sync, and the checks before and after them', async () => {
    const directory = temporaryDirectory()
    const { files, noted } = notedFiles()
    const sink = await openJsonlAuditSink({ directory, files })
    await sink.append(intent(1), {})
    noted.length = 0
    const confirmed = await Promise.all(
      appendMany(sink, 2, 65).map(async (one) => {
        const confirmation = await one
        expect(noted).toEqual(['look', 'write', 'sync', 'look'])
        return confirmation
      }),
    )
    expect(confirmed.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 64 }, (_, i) => 2 + i))
    await sink.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 65 })
  })

  it.each(['none', 'always'] as const)('AUD-11 are one write each time with `sync: %s`', async (sync) => {
    const directory = temporaryDirectory()
    const { files, noted } = notedFiles()
    const sink = await openJsonlAuditSink({ directory, files, sync })
    await sink.append(intent(1), {})
    noted.length = 0
    await Promise.all(appendMany(sink, 2, 9))
    const batch = sync === 'none' ? ['look', 'write', 'look'] : ['look', 'write', 'sync', 'look']
    expect(noted).toEqual(Array.from({ length: sync === 'none' ? 1 : 8 }, () => batch).flat())
    await sink.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 9 })
  })

  it('AUD-11 wait for the sync before them, and share the next one', async () => {
    const directory = temporaryDirectory()
    const held: (() => void)[] = []
    const { files, noted } = notedFiles({
      ...machineFiles,
      sync: (file) => new Promise<void>((resolve) => held.push(resolve)).then(() => machineFiles.sync(file)),
    })
    const sink = await openJsonlAuditSink({ directory, files })
    const first = appendMany(sink, 1, 1)
    await expect.poll(() => held.length).toBe(1)
    const controller = new AbortController()
    const gone = codesOf([sink.append(intent(2), { signal: controller.signal })])
    const others = [...appendMany(sink, 3, 5)]
    await new Promise((resolve) => setImmediate(resolve))
    others.push(...appendMany(sink, 6, 8))
    controller.abort(new Error('late'))
    held.shift()?.()
    await Promise.all(first)
    await expect.poll(() => held.length).toBe(1)
    held.shift()?.()
    await Promise.all(others)
    expect(await gone).toEqual(['ERR_AUDIT_UNCONFIRMED'])
    expect(noted.filter((one) => one === 'write')).toHaveLength(2)
    // The sync of the closing.
    const closing = sink.close()
    await expect.poll(() => held.length).toBe(1)
    held.shift()?.()
    await closing
    expect(await idsIn(directory)).toEqual([id(1), ...ids(3, 8)])
  })

  it('AUD-11 are written before the log is closed, if they were appended before', async () => {
    const directory = temporaryDirectory()
    const sink = await openJsonlAuditSink({ directory })
    const early = appendMany(sink, 1, 20)
    // Their preparation takes some microtasks.
    await new Promise((resolve) => setImmediate(resolve))
    const more = appendMany(sink, 21, 30)
    for (let i = 0; i < 50; i++) await undefined
    const closing = sink.close()
    expect(await codesOf([sink.append(intent(31), {})])).toEqual(['ERR_AUDIT_CLOSED'])
    expect(await codesOf([...early, ...more])).toEqual(Array.from({ length: 30 }, () => undefined))
    await closing
    expect(await idsIn(directory)).toEqual(ids(1, 30))
  })

  it('AUD-13 begin a new file where one record would', async () => {
    const [one, many] = [temporaryDirectory(), temporaryDirectory()]
    const options = { maxBytes: 4_096, maxAge: 30 }
    const alone = await openJsonlAuditSink({ directory: one, ...options })
    for (let i = 1; i <= 60; i++) await alone.append(intent(i), {})
    await alone.close()
    const together = await openJsonlAuditSink({ directory: many, ...options })
    await Promise.all(appendMany(together, 1, 60))
    await together.close()
    const files = (directory: string): string[] => readdirSync(directory).filter((name) => name.endsWith('.jsonl'))
    expect(files(many).length).toBeGreaterThan(5)
    expect(files(many)).toEqual(files(one))
    for (const name of files(one)) {
      expect(statSync(join(many, name)).size).toBeLessThanOrEqual(options.maxBytes)
      expect(readFileSync(join(many, name), 'utf8')).toBe(readFileSync(join(one, name), 'utf8'))
    }
  })

  it('AUD-12 are all cut off where the disk is full in the middle of their write [attack 78]', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
    await Promise.all(appendMany(sink, 1, 3))
    const { size } = statSync(segmentPath(directory))
    const length = size / 3
    for (const room of [1, length - 1, length, length + 1, 3 * length, 5 * length - 1]) {
      faults.room = room
      const codes = await codesOf(appendMany(sink, 4, 8))
      expect(codes).toEqual(Array.from({ length: 5 }, () => 'ERR_AUDIT_SHORT_WRITE'))
      expect(statSync(segmentPath(directory)).size).toBe(size)
    }
    delete faults.room
    await Promise.all(appendMany(sink, 9, 10))
    await sink.close()
    expect(await idsIn(directory)).toEqual([...ids(1, 3), ...ids(9, 10)])
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 5 })
  })

  it('AUD-12 are all cut off after a sync that failed, and no later event is [attack 78]', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = { syncMs: 2 }
    const { files, noted } = notedFiles(faultyFiles(faults))
    const sink = await openJsonlAuditSink({ directory, files })
    await Promise.all(appendMany(sink, 1, 3))
    faults.sync = 'EIO'
    faults.syncMs = 50
    const lost = codesOf(appendMany(sink, 4, 8))
    await expect.poll(() => noted.filter((one) => one === 'sync').length).toBe(2)
    const later = codesOf(appendMany(sink, 9, 12))
    expect(await lost).toEqual(Array.from({ length: 5 }, () => 'ERR_AUDIT_UNCONFIRMED'))
    delete faults.sync
    expect(await later).toEqual(Array.from({ length: 4 }, () => undefined))
    await sink.close()
    expect(await idsIn(directory)).toEqual([...ids(1, 3), ...ids(9, 12)])
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
  })

  it.each(['lock', 'file'] as const)(
    'AUD-39 are not confirmed when the %s was lost during their sync',
    async (lost) => {
      const directory = temporaryDirectory()
      let onSync = (): void => undefined
      const files: LogFiles = {
        ...machineFiles,
        async sync(file) {
          onSync()
          await machineFiles.sync(file)
        },
      }
      const sink = await openJsonlAuditSink({ directory, files })
      await Promise.all(appendMany(sink, 1, 3))
      onSync = () => {
        if (lost === 'lock') {
          const folder = join(directory, 'audit.lock')
          for (const name of readdirSync(folder)) renameSync(join(folder, name), join(folder, `${name}-moved`))
          return
        }
        const path = segmentPath(directory)
        writeFileSync(`${path}.copy`, readFileSync(path), { mode: 0o600 })
        renameSync(`${path}.copy`, path)
      }
      const codes = await codesOf(appendMany(sink, 4, 8))
      expect(codes).toEqual(Array.from({ length: 5 }, () => 'ERR_AUDIT_INTEGRITY'))
      onSync = () => undefined
      expect(await codesOf(appendMany(sink, 9, 9))).toEqual(['ERR_AUDIT_INTEGRITY'])
      await sink.close()
    },
  )

  it('AUD-11 are confirmed beside one that no line can contain', async () => {
    const directory = temporaryDirectory()
    const sink = await openJsonlAuditSink({ directory })
    const long = { principals: Array.from({ length: 64 }, () => '\u0001'.repeat(512)) }
    const appended = [1, 2, 3, 4].map((i) => sink.append(intent(i, i === 2 ? long : {}), {}))
    expect(await codesOf(appended)).toEqual([undefined, 'ERR_AUDIT_CONFIGURATION', undefined, undefined])
    expect(await codesOf([sink.append(intent(5, long), {})])).toEqual(['ERR_AUDIT_CONFIGURATION'])
    await sink.close()
    expect(await idsIn(directory)).toEqual([id(1), id(3), id(4)])
  })

  it('AUD-15 are cut at the last complete line when their write was interrupted, wherever that was', async () => {
    const directory = temporaryDirectory()
    const sink = await openJsonlAuditSink({ directory })
    await Promise.all(appendMany(sink, 1, 2))
    const path = segmentPath(directory)
    const { size } = statSync(path)
    await Promise.all(appendMany(sink, 3, 5))
    await sink.close()
    const whole = readFileSync(path)
    const length = (whole.length - size) / 3
    for (let end = size; end <= whole.length; end += 97) {
      writeFileSync(path, whole)
      truncateSync(path, end)
      await (await openJsonlAuditSink({ directory })).close()
      // A line that lacks only its line feed is complete.
      const kept = 2 + Math.floor((end + 1 - size) / length)
      expect(await idsIn(directory), `${end}`).toEqual(ids(1, kept))
      expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
    }
  })
})
