import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { Host } from '../../../packages/cli/src/cli/host.ts'
import { run } from '../../../packages/cli/src/cli/run.ts'
import { withDeadline } from '../../../src/audit/combine/with-deadline.ts'
import type { AuditEvent } from '../../../src/audit/events/event.ts'
import { type LogPosition, parseRecord } from '../../../src/audit/events/record.ts'
import { findOpenIntents } from '../../../src/audit/recovery/find-open-intents.ts'
import {
  type JsonlAuditSink,
  type JsonlAuditSinkOptions,
  type LockedJsonlLog,
  openJsonlAuditSink,
  openJsonlLog,
} from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { type LogFiles, machineFiles } from '../../../src/audit/sinks/jsonl/log-files.ts'
import { readJsonlLines, readJsonlRecords } from '../../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../../src/audit/verify/verify-audit-log.ts'
import { ArgumentError, AuditError, MalformedError } from '../../../src/errors.ts'
import { createSignerFile } from '../../../src/signers/file/signer-file.ts'
import { groupSync } from '../../../src/support/group-sync.ts'
import { id, intent, logOf, outcome, stoppedClock } from '../events.ts'
import { readBack } from '../read-back.ts'
import { type Faults, faultyFiles } from './faulty-files.ts'
import { leaveLock } from './leave-lock.ts'
import { shortLease } from './short-lease.ts'
import { temporaryDirectory } from './temporary.ts'

const quick = shortLease(200)

async function write(options: JsonlAuditSinkOptions, from: number, to: number): Promise<void> {
  const sink = await openJsonlAuditSink(options)
  for (let i = from; i <= to; i++) await sink.append(intent(i), {})
  await sink.close()
}

async function eventsIn(directory: string): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = []
  for await (const { event } of readJsonlRecords({ directory })) events.push(event)
  return events
}

/** The numbers of the records that a sink reads back. */
async function numbersIn(sink: JsonlAuditSink): Promise<readonly number[]> {
  return (await readBack(sink)).map(({ sequence }) => sequence)
}

function filesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => !name.endsWith('.lock'))
    .sort()
}

/**
 * Faulty files that fail a test when a file is used after it was closed: its number may belong to another file by then.
 */
function countedFiles(
  faults: Faults,
  changed: Partial<LogFiles> = {},
): { files: LogFiles; opened: ReadonlySet<number> } {
  const faulty = { ...faultyFiles(faults), ...changed }
  const opened = new Set<number>()
  const assertOpen = (file: number): void => {
    if (!opened.has(file)) throw new Error('the file was closed before')
  }
  const files: LogFiles = {
    ...faulty,
    open(path, options) {
      const file = faulty.open(path, options)
      opened.add(file)
      return file
    },
    close(file) {
      assertOpen(file)
      opened.delete(file)
      faulty.close(file)
    },
    async sync(file) {
      assertOpen(file)
      await faulty.sync(file)
    },
  }
  return { files, opened }
}

describe('a log in files', () => {
  it('AUD-11 continues over restarts, with one line for each record', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 3)
    await write({ directory, sync: 'always' }, 4, 5)
    await write({ directory, sync: 'none' }, 6, 6)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 6 })
    expect(filesIn(directory)).toEqual(['audit-0000000000000001.jsonl'])
    const text = readFileSync(join(directory, 'audit-0000000000000001.jsonl'), 'latin1')
    expect(
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => parseRecord(line).sequence),
    ).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('AUD-11 confirms with the durability of the sync policy', async () => {
    const directory = temporaryDirectory()
    for (const [sync, durability] of [
      ['group', 'disk'],
      ['always', 'disk'],
      ['none', 'system'],
    ] as const) {
      const sink = await openJsonlAuditSink({ directory, prefix: sync, sync })
      expect(await sink.append(intent(1), {})).toMatchObject({ durability, sequence: 1, sink: join(directory, sync) })
      expect(sink.position()).toMatchObject({ sequence: 1 })
      await sink.close()
      await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_CLOSED' })
    }
  })

  it('AUD-11 accepts simultaneous events', async () => {
    const directory = temporaryDirectory()
    const sink = await openJsonlAuditSink({ directory, maxBytes: 20_000 })
    const results = await Promise.all(Array.from({ length: 300 }, (_, i) => sink.append(intent(i), {})))
    expect(new Set(results.map(({ sequence }) => sequence)).size).toBe(300)
    await sink.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 300 })
  })

  it('AUD-11 shares a sync among waiting records', async () => {
    let syncs = 0
    const flush = groupSync(async () => {
      syncs++
      await new Promise((resolve) => setTimeout(resolve, 5))
    })
    await Promise.all(Array.from({ length: 100 }, flush))
    expect(syncs).toBe(2)
    await flush()
    expect(syncs).toBe(3)
  })

  it('AUD-41 confirms an outcome when it is written, with `outcomes: written`, and every other event after its sync', async () => {
    const directory = temporaryDirectory()
    const disk: (() => void)[] = []
    const files: LogFiles = {
      ...machineFiles,
      async sync(file) {
        await new Promise<void>((resolve) => void disk.push(resolve))
        await machineFiles.sync(file)
      },
    }
    const sink = await openJsonlAuditSink({ directory, files, outcomes: 'written' })
    const done: string[] = []
    const first = sink.append(intent(1), {}).then(({ durability }) => done.push(`intent ${durability}`))
    await vi.waitFor(() => expect(disk).toHaveLength(1), 20_000)
    expect(done).toEqual([])
    disk.shift()?.()
    await first
    // An intent and an outcome in one batch.
    const second = sink.append(intent(2), {}).then(({ durability }) => done.push(`intent ${durability}`))
    const { durability, sequence, hash } = await sink.append(outcome(11, 1), {})
    expect([durability, sequence, done]).toEqual(['system', 3, ['intent disk']])
    expect(readFileSync(join(directory, filesIn(directory)[0] as string), 'utf8')).toContain(`"hash":"${hash}"`)
    await vi.waitFor(() => expect(disk).toHaveLength(1), 20_000)
    disk.shift()?.()
    await second
    // The end of the log waits for the sync of the last outcome.
    await sink.append(outcome(12, 2), {})
    const closing = sink.close().then(() => done.push('closed'))
    await vi.waitFor(() => expect(disk).toHaveLength(1), 20_000)
    expect(done).toEqual(['intent disk', 'intent disk'])
    for (const end of disk) end()
    await vi.waitFor(() => expect(disk.length).toBeGreaterThan(1), 20_000)
    disk.at(-1)?.()
    await closing
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 4 })
  })

  it('AUD-41 lets an outcome that was only written be lost with a failed sync, and then repairs the log', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults), outcomes: 'written' })
    await sink.append(intent(1), {})
    faults.sync = 'EIO'
    expect(await sink.append(outcome(11, 1), {})).toMatchObject({ durability: 'system', sequence: 2 })
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.sync
    await sink.append(intent(3), {})
    await sink.close()
    const events = await eventsIn(directory)
    expect(events.map(({ kind }) => kind)).toEqual(['intent', 'recovered', 'intent'])
    expect(await findOpenIntents(readJsonlRecords({ directory }))).toMatchObject([
      { event: { id: id(1) } },
      { event: { id: id(3) } },
    ])
  })

  it('AUD-41 confirms no outcome under a lock that was lost', async () => {
    const directory = temporaryDirectory()
    const sink = await openJsonlAuditSink({ directory, outcomes: 'written' })
    await sink.append(intent(1), {})
    rmSync(join(directory, 'audit.lock'), { recursive: true })
    await expect(sink.append(outcome(11, 1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    await sink.close()
  })

  it('AUD-13 begins a new file by length and by time, and continues the chain', async () => {
    const directory = temporaryDirectory()
    await write({ directory, maxBytes: 4096 }, 1, 20)
    const first = filesIn(directory)
    expect(first.length).toBeGreaterThan(2)
    for (const file of first) expect(statSync(join(directory, file)).size).toBeLessThanOrEqual(4096)
    const sink = await openJsonlAuditSink({ directory, maxAge: 60 })
    await sink.append(intent(21), {})
    await sink.append(intent(22, { time: 1_900_000_000 }), {})
    await sink.append(intent(23, { time: 1_900_000_059 }), {})
    await sink.append(intent(24, { time: 1_900_000_060 }), {})
    await sink.close()
    expect(filesIn(directory).slice(first.length)).toEqual([
      'audit-0000000000000022.jsonl',
      'audit-0000000000000024.jsonl',
    ])
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 24 })
  })

  it('AUD-13 is reported as incomplete when a file is missing [attack 79]', async () => {
    const directory = temporaryDirectory()
    await write({ directory, maxBytes: 4096 }, 1, 20)
    const [, second = ''] = filesIn(directory)
    rmSync(join(directory, second))
    const missing = Number(second.slice(6, 22))
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({
      valid: false,
      fault: { kind: 'dropped', sequence: missing },
    })
  })

  it('LOG-13 is missing: the error of the file system is the cause', async () => {
    const directory = join(temporaryDirectory(), 'missing')
    await expect(eventsIn(directory)).rejects.toMatchObject({
      code: 'ERR_AUDIT_CONFIGURATION',
      cause: { code: 'ENOENT', path: directory },
    })
  })

  it('AUD-11 keeps other files and other logs of the directory apart', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'audit-notes.jsonl'), 'x')
    await write({ directory }, 1, 2)
    await write({ directory, prefix: 'audit-b' }, 1, 3)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ records: 2 })
    expect(await verifyAuditLog(readJsonlLines({ directory, prefix: 'audit-b' }))).toMatchObject({ records: 3 })
    await expect(openJsonlAuditSink({ directory, prefix: '../x' })).rejects.toThrow(ArgumentError)
    await expect(openJsonlAuditSink({ directory, maxBytes: 10 })).rejects.toThrow(ArgumentError)
  })
})

describe('the end of a log', () => {
  it('AUD-15 is cut off when it is incomplete, and a record reports that', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 3)
    const path = join(directory, 'audit-0000000000000001.jsonl')
    const whole = statSync(path).size
    for (const torn of ['{"event":{"time":18', '\0'.repeat(300), '{'.repeat(60_000)]) {
      appendFileSync(path, torn)
      const sink = await openJsonlAuditSink({ directory, clock: stoppedClock(7.9) })
      await sink.append(intent(4), {})
      await sink.close()
    }
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 9 })
    const events = []
    for await (const { event } of readJsonlRecords({ directory })) events.push(event)
    expect(events[3]).toMatchObject({
      kind: 'recovered',
      time: 7,
      reason: 'torn_tail',
      segment: 'audit-0000000000000001.jsonl',
      droppedBytes: 19,
    })
    expect(readFileSync(path, 'latin1').slice(0, whole)).not.toContain('recovered')
  })

  it('AUD-15 is also cut off when it is the first record of a log or of a file', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'audit-0000000000000001.jsonl')
    writeFileSync(path, '{"event"', { mode: 0o600 })
    await write({ directory, maxBytes: 4096 }, 1, 20)
    const last = join(directory, filesIn(directory).at(-1) ?? '')
    const text = readFileSync(last, 'latin1')
    writeFileSync(last, text.slice(0, 50))
    await write({ directory, maxBytes: 4096 }, 21, 22)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
    truncateSync(join(directory, filesIn(directory).at(-1) ?? ''), 0)
    await write({ directory, maxBytes: 4096 }, 23, 24)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
  })

  it('LOG-13 without its line feed is reported as torn, and in an earlier file as edited [attack 79]', async () => {
    const directory = temporaryDirectory()
    await write({ directory, maxBytes: 4096 }, 1, 20)
    const head = (await openJsonlAuditSink({ directory, maxBytes: 4096 }).then(async (sink) => {
      await sink.close()
      return sink.position()
    })) as LogPosition
    const files = filesIn(directory)
    const last = join(directory, files.at(-1) ?? '')
    truncateSync(last, statSync(last).size - 1)
    for (const options of [{}, { head }]) {
      const report = await verifyAuditLog(readJsonlLines({ directory }), options)
      expect(report).toMatchObject({ valid: false, records: 19, fault: { kind: 'torn', line: 20, sequence: 20 } })
    }
    await expect(eventsIn(directory)).rejects.toThrow(MalformedError)
    appendFileSync(last, '\n')
    const first = join(directory, files[0] ?? '')
    truncateSync(first, statSync(first).size - 1)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ fault: { kind: 'edited' } })
  })

  it.each([
    ['in a file with others', 1024 * 1024, 1],
    ['alone in its file', 4096, 2],
  ])('AUD-30 keeps each whole record, wherever the log was cut (%s)', async (_, maxBytes, count) => {
    const directory = temporaryDirectory()
    await write({ directory, maxBytes }, 1, 6)
    expect(filesIn(directory)).toHaveLength(count)
    const files = filesIn(directory)
    const last = join(directory, files.at(-1) ?? '')
    const whole = readFileSync(last, 'latin1')
    const begin = whole.lastIndexOf('\n', whole.length - 2) + 1
    expect(begin === 0).toBe(count === 2)
    for (const end of [begin + 1, begin + 99, whole.length - 2, whole.length - 1]) {
      for (const file of filesIn(directory)) if (!files.includes(file)) rmSync(join(directory, file))
      writeFileSync(last, whole.slice(0, end))
      const complete = end === whole.length - 1
      const sink = await openJsonlAuditSink({ directory, maxBytes, clock: stoppedClock(7) })
      expect(sink.position().sequence).toBe(complete ? 6 : 5)
      await sink.append(intent(8), {})
      await sink.close()
      const events = await eventsIn(directory)
      const dropped = complete ? 0 : end - begin
      expect(events.some((event) => event.id === id(6))).toBe(complete)
      expect(events.at(-2)).toMatchObject({
        kind: 'recovered',
        reason: complete ? 'completed_line' : 'torn_tail',
        droppedBytes: dropped,
      })
      expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
    }
  })

  it('AUD-30 is cut off when it is a record of another chain', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 3)
    const path = join(directory, 'audit-0000000000000001.jsonl')
    const foreign = (await logOf(4)).at(-1) ?? ''
    const [, second = ''] = readFileSync(path, 'latin1').split('\n')
    for (const line of [foreign.replace('"sequence":4', '"sequence":5'), second]) {
      appendFileSync(path, line)
      const sink = await openJsonlAuditSink({ directory })
      await sink.append(intent(9), {})
      await sink.close()
    }
    const reasons = (await eventsIn(directory)).map((event) => event.kind === 'recovered' && event.reason)
    expect(reasons.filter(Boolean)).toEqual(['torn_tail', 'torn_tail'])
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 7 })
  })

  it('AUD-30 keeps the log closed as long as a full disk prevents its completion', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 3)
    const path = join(directory, 'audit-0000000000000001.jsonl')
    truncateSync(path, statSync(path).size - 1)
    for (const faults of [{ write: 'ENOSPC' }, { sync: 'EIO' }]) {
      const opening = openJsonlAuditSink({ directory, files: faultyFiles(faults) })
      await expect(opening).rejects.toBeInstanceOf(AuditError)
    }
    const sink = await openJsonlAuditSink({ directory })
    expect(sink.position().sequence).toBe(3)
    await sink.close()
  })

  it('AUD-15 keeps the log closed when no interrupted write can have caused it', async () => {
    const directory = temporaryDirectory()
    await write({ directory, maxBytes: 4096 }, 1, 20)
    const files = filesIn(directory)
    const last = join(directory, files.at(-1) ?? '')
    const text = readFileSync(last, 'latin1')
    const damages = [
      `${text}not a record\n`,
      `${text}\n`,
      text.replace(/"time":\d+/g, '"time":1'),
      '\n',
      'x'.repeat(140_000),
      `${'x'.repeat(140_000)}\n`,
    ]
    for (const damage of damages) {
      writeFileSync(last, damage)
      await expect(openJsonlAuditSink({ directory })).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    }
    rmSync(last)
    const before = join(directory, files.at(-2) ?? '')
    writeFileSync(join(directory, 'audit-0000000000000777.jsonl'), '', { mode: 0o600 })
    await expect(openJsonlAuditSink({ directory })).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    rmSync(join(directory, 'audit-0000000000000777.jsonl'))
    renameSync(before, join(directory, 'audit-0000000000000777.jsonl'))
    await expect(openJsonlAuditSink({ directory })).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
  })

  it('AUD-13 is followed by empty files that do not continue it: the error names the first', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 3)
    for (const first of ['10', '20', '30']) {
      writeFileSync(join(directory, `audit-${first.padStart(16, '0')}.jsonl`), '', { mode: 0o600 })
    }
    await expect(openJsonlAuditSink({ directory })).rejects.toMatchObject({
      code: 'ERR_AUDIT_INTEGRITY',
      message: expect.stringContaining('`audit-0000000000000010.jsonl` does not continue the log'),
    })
  })

  it('AUD-38 is copied after a lost lock, and no file remains open when the sink has closed', async () => {
    const directory = temporaryDirectory()
    await write({ directory, maxBytes: 4096 }, 1, 20)
    const before = filesIn(directory)
    const last = join(directory, before.at(-1) ?? '')
    const { ino } = statSync(last)
    leaveLock(directory, { scope: 'f'.repeat(16) })
    const { files, opened } = countedFiles({})
    const { sink } = await openJsonlLog({ directory, files }, quick)
    expect(filesIn(directory)).toEqual(before)
    expect(statSync(last).ino).not.toBe(ino)
    await sink.append(intent(21), {})
    await sink.close()
    expect(opened.size).toBe(0)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
  })

  it('AUD-13 AUD-30 keeps the log closed when it is in a file of another name', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 3)
    const path = join(directory, 'audit-0000000000000001.jsonl')
    const lines = readFileSync(path, 'latin1').split('\n')
    writeFileSync(path, `${lines.slice(0, 2).join('\n')}\n`)
    writeFileSync(join(directory, 'audit-0000000000000050.jsonl'), lines[2] ?? '', { mode: 0o600 })
    for (let i = 0; i < 2; i++) {
      await expect(openJsonlAuditSink({ directory })).rejects.toMatchObject({
        code: 'ERR_AUDIT_INTEGRITY',
        message: expect.stringContaining('`audit-0000000000000050.jsonl` does not continue the log'),
      })
    }
  })

  it('AUD-15 is the only part that is read: a long log opens as fast as a short one', async () => {
    const directory = temporaryDirectory()
    await write({ directory, sync: 'none' }, 1, 2)
    const path = join(directory, 'audit-0000000000000001.jsonl')
    const [first = '', second = ''] = readFileSync(path, 'latin1').split('\n')
    // Only the ends are read; the lines between are checked by the verifier.
    writeFileSync(path, `${first}\n${`${'x'.repeat(99)}\n`.repeat(600_000)}${second}\n`)
    const began = performance.now()
    const sink = await openJsonlAuditSink({ directory, sync: 'none' })
    expect(performance.now() - began).toBeLessThan(1000)
    expect(sink.position().sequence).toBe(2)
    await sink.close()
  })
})

describe('other writers', () => {
  const open = (directory: string, timing = quick, onWait?: (message: string) => void): Promise<LockedJsonlLog> =>
    openJsonlLog({ directory, ...(onWait !== undefined && { onWait }) }, timing)

  it('AUD-14 are refused while the log is open', async () => {
    const directory = temporaryDirectory()
    const { sink } = await open(directory)
    const lock = join(directory, 'audit.lock')
    await expect(open(directory)).rejects.toMatchObject({
      code: 'ERR_AUDIT_CONFIGURATION',
      message: `this process has opened the log of the lock \`${lock}\` already; close it first`,
    })
    await sink.close()
    await (await openJsonlAuditSink({ directory })).close()
    expect(filesIn(directory)).toEqual([])
    expect(readdirSync(lock)).toEqual([expect.stringMatching(/-free$/)])
  })

  it('AUD-14 that have ended lose their lock: at once if that is certain, otherwise after its lease', async () => {
    const directory = temporaryDirectory()
    for (const [change, least] of [
      [{ started: '1' }, 0],
      // Process 1 of another container, or of another machine of the same name.
      [{ scope: 'f'.repeat(16), process: 1 }, quick.leaseMs * 0.9],
    ] as const) {
      leaveLock(directory, change)
      const began = performance.now()
      await (await open(directory)).sink.close()
      expect(performance.now() - began).toBeGreaterThanOrEqual(least)
    }
  })

  it('AUD-14 that are alive are waited for, and named in the error', async () => {
    const directory = temporaryDirectory()
    const path = leaveLock(directory, { scope: 'f'.repeat(16), process: 77 })
    // Another machine renews the lock in place, like a holder: a shorter file could be read in the middle of its write.
    const beat = (): string => `{"host":"web-1","renewed":${Math.random()}}\n`.padEnd(64)
    writeFileSync(path, beat())
    const renewal = setInterval(() => writeFileSync(path, beat(), { flag: 'r+' }), 5)
    const waits: string[] = []
    try {
      const opening = open(directory, quick, (message) => {
        waits.push(message)
        throw new Error('ignored')
      })
      await expect(opening).rejects.toMatchObject({
        code: 'ERR_AUDIT_CONFIGURATION',
        message: expect.stringMatching(/^process 77 on `web-1` writes this log, and kept the lock /),
      })
      expect(waits).toEqual([
        expect.stringMatching(/^process 77 on `web-1` has the lock `.*audit\.lock` of this log; waiting until it ends/),
      ])
    } finally {
      clearInterval(renewal)
    }
    await (await open(directory)).sink.close()
  })

  it('AUD-14 that have certainly ended, and this process itself, are no reason for a message about a wait', async () => {
    const directory = temporaryDirectory()
    const waits: string[] = []
    leaveLock(directory, { started: '1' })
    const { sink } = await open(directory, quick, (message) => waits.push(message))
    await expect(open(directory, quick, (message) => waits.push(message))).rejects.toThrow('already; close it first')
    await sink.close()
    expect(waits).toEqual([])
  })

  it('AUD-14 are reported by a program that writes a ledger', async () => {
    const ledger = temporaryDirectory()
    const waits: string[] = []
    // The other process ends while this one waits: its lock is gone.
    const reported = (message: string): void => {
      waits.push(message)
      rmSync(join(ledger, 'audit.lock'), { recursive: true, force: true })
    }
    leaveLock(ledger, { scope: 'f'.repeat(16), process: 77 })
    await createSignerFile({ path: join(ledger, 'owner.key') })
    const host: Host = {
      ...{ env: {}, isTerminal: false, program: ['node', 'procura'], signal: new AbortController().signal },
      ...{ readInput: async () => undefined, askHidden: async () => undefined, print: () => undefined },
      complain: (line) => void (line.includes('waiting until it ends') && reported(line)),
    }
    const words = ['delegate', '--from', join(ledger, 'owner.key'), '--to', 'did:web:a.example', '--command', '/mail']
    expect(await run([...words, '--ledger', ledger], host)).toBe(0)
    expect(waits).toEqual([expect.stringMatching(/^process 77 has the lock/)])
  })

  it('AUD-14 find a file in the place of the lock folder', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'audit.lock'), '')
    await expect(openJsonlAuditSink({ directory })).rejects.toMatchObject({
      code: 'ERR_AUDIT_CONFIGURATION',
      message: expect.stringMatching(/^the lock `.*audit.lock` cannot be used: it is not a folder; remove it$/),
    })
  })

  it('AUD-14 that have removed the lock stop this writer', async () => {
    const directory = temporaryDirectory()
    const sink = await openJsonlAuditSink({ directory })
    await sink.append(intent(1), {})
    rmSync(join(directory, 'audit.lock'), { recursive: true })
    const other = await openJsonlAuditSink({ directory })
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
    await other.append(intent(3), {})
    await sink.close()
    await other.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 2 })
  })

  it('AUD-16 and readers are excluded by the mode of the files', async () => {
    const directory = temporaryDirectory()
    await write({ directory: join(directory, 'new') }, 1, 1)
    const path = join(directory, 'new', 'audit-0000000000000001.jsonl')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(directory, 'new')).mode & 0o777).toBe(0o700)
    chmodSync(path, 0o640)
    await expect(openJsonlAuditSink({ directory: join(directory, 'new') })).rejects.toMatchObject({
      code: 'ERR_AUDIT_CONFIGURATION',
      message: expect.stringContaining('0640'),
    })
    chmodSync(path, 0o600)
    renameSync(path, join(directory, 'elsewhere'))
    symlinkSync(join(directory, 'elsewhere'), path)
    await expect(openJsonlAuditSink({ directory: join(directory, 'new') })).rejects.toThrow()
  })

  it('AUD-16 and named pipes are refused without waiting for them [attack 78]', async () => {
    const directory = temporaryDirectory()
    execFileSync('mkfifo', ['-m', '600', join(directory, 'audit-0000000000000001.jsonl')])
    const refused = { code: 'ERR_AUDIT_CONFIGURATION', message: expect.stringContaining('is not a regular file') }
    await expect(openJsonlAuditSink({ directory })).rejects.toMatchObject(refused)
  })

  it('AUD-16 and files of another user are refused [attack 79]', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 1)
    let owner = process.geteuid?.() ?? 0
    const files: LogFiles = {
      ...machineFiles,
      stateOf: (file) => ({ ...machineFiles.stateOf(file), owner }),
      stateAt: (path) => {
        const found = machineFiles.stateAt(path)
        return found === undefined ? undefined : { ...found, owner }
      },
    }
    const sink = await openJsonlAuditSink({ directory, files })
    owner += 1000
    const refused = {
      code: 'ERR_AUDIT_CONFIGURATION',
      message: expect.stringContaining(`belongs to user ${owner} and this process is user ${owner - 1000}`),
    }
    await expect(sink.append(intent(2), {})).rejects.toMatchObject(refused)
    await sink.close()
    await expect(openJsonlAuditSink({ directory, files })).rejects.toMatchObject(refused)
    const [name = ''] = filesIn(directory)
    const { uid } = statSync(join(directory, name))
    expect(machineFiles.stateAt(join(directory, name))).toMatchObject({ owner: uid })
  })

  it('AUD-17 are detected when they make the file writable for all, but not when they overwrite it in place', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'audit-0000000000000001.jsonl')
    const sink = await openJsonlAuditSink({ directory })
    await sink.append(intent(1), {})
    chmodSync(path, 0o666)
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({
      code: 'ERR_AUDIT_CONFIGURATION',
      message: expect.stringContaining('0666'),
    })
    chmodSync(path, 0o600)
    writeFileSync(path, readFileSync(path, 'latin1').replace('/mail/send', '/mail/read'))
    expect(await sink.append(intent(3), {})).toMatchObject({ sequence: 2 })
    await sink.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({
      fault: { kind: 'edited', sequence: 1 },
    })
  })

  it('AUD-17 are detected when they remove, replace, truncate or extend the file [attack 79]', async () => {
    const changes: readonly ((path: string) => void)[] = [
      (path) => rmSync(path),
      (path) => renameSync(path, `${path}.1`),
      (path) => {
        renameSync(path, `${path}.1`)
        writeFileSync(path, readFileSync(`${path}.1`), { mode: 0o600 })
      },
      (path) => truncateSync(path, 100),
      (path) => appendFileSync(path, 'x\n'),
    ]
    for (const change of changes) {
      const directory = temporaryDirectory()
      const sink = await openJsonlAuditSink({ directory })
      await sink.append(intent(1), {})
      change(join(directory, 'audit-0000000000000001.jsonl'))
      for (let i = 0; i < 2; i++) {
        await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_INTEGRITY' })
      }
      await sink.close()
    }
  })

  it('AUD-14 AUD-16 can write to an empty last file with a wrong mode: opening fails and releases the lock', async () => {
    const directory = temporaryDirectory()
    await write({ directory }, 1, 1)
    const empty = join(directory, 'audit-0000000000000002.jsonl')
    writeFileSync(empty, '')
    chmodSync(empty, 0o644)
    await expect(openJsonlAuditSink({ directory })).rejects.toThrow('run chmod 600')
    chmodSync(empty, 0o600)
    await write({ directory }, 2, 2)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 2 })
  })
})

describe('a failing disk', () => {
  it('AUD-12 accepts a part of a record: the part is cut off [attack 78]', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
    await sink.append(intent(1), {})
    faults.room = 212
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SHORT_WRITE' })
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 1 })
    await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.room
    expect(await sink.append(intent(4), {})).toMatchObject({ sequence: 2 })
    await sink.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 2 })
  })

  it('AUD-12 accepts a part of a record and refuses to truncate it: the log is repaired later', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
    await sink.append(intent(1), {})
    faults.room = 212
    faults.truncate = 'EIO'
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SHORT_WRITE' })
    await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.truncate
    await expect(sink.append(intent(4), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.room
    expect(await sink.append(intent(5), {})).toMatchObject({ sequence: 3 })
    await sink.close()
    const kinds = []
    for await (const { event } of readJsonlRecords({ directory })) kinds.push(`${event.kind} ${event.id.slice(-1)}`)
    expect(kinds.map((kind) => kind.replace(/recovered ./, 'recovered'))).toEqual(['intent 1', 'recovered', 'intent 5'])
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 3 })
  })

  it('AUD-12 fails again during the repair: no file is closed twice', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const { files, opened } = countedFiles(faults)
    const sink = await openJsonlAuditSink({ directory, files })
    await sink.append(intent(1), {})
    faults.room = 212
    faults.truncate = 'EIO'
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SHORT_WRITE' })
    delete faults.room
    delete faults.truncate
    faults.list = 'EIO'
    for (let i = 0; i < 2; i++) {
      await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    }
    delete faults.list
    expect(await sink.append(intent(4), {})).toMatchObject({ sequence: 3 })
    await sink.close()
    expect(opened.size).toBe(0)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 3 })
  })

  it('AUD-13 creates the next file but cannot open it: no file is closed twice, and the log continues', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    let unopened = false
    const { files, opened } = countedFiles(faults, {
      open(path, options) {
        if (unopened && path.endsWith('2.jsonl')) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' })
        return machineFiles.open(path, options)
      },
    })
    const sink = await openJsonlAuditSink({ directory, maxBytes: 4_096, maxAge: 1, files })
    await sink.append(intent(1), {})
    faults.syncDirectory = 'EIO'
    const later = { ...intent(2), time: intent(2).time + 60 }
    await expect(sink.append(later, {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.syncDirectory
    unopened = true
    for (let i = 0; i < 2; i++) {
      await expect(sink.append(later, {})).rejects.toMatchObject({ cause: { code: 'EMFILE' } })
    }
    unopened = false
    expect(await sink.append(later, {})).toMatchObject({ sequence: 2 })
    await sink.close()
    expect(opened.size).toBe(0)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 2 })
  })

  it('AUD-12 prevents the repair: `close` waits for no closed file, and releases the lock', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const { files, opened } = countedFiles(faults)
    const sink = await openJsonlAuditSink({ directory, files })
    await sink.append(intent(1), {})
    faults.room = 212
    faults.truncate = 'EIO'
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SHORT_WRITE' })
    faults.list = 'EIO'
    await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    await sink.close()
    expect(opened.size).toBe(0)
    await write({ directory }, 4, 4)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 3 })
  })

  it('AUD-14 fails when a file is closed: `close` rejects, and releases the lock', async () => {
    const directory = temporaryDirectory()
    const files: LogFiles = {
      ...machineFiles,
      close(file) {
        machineFiles.close(file)
        throw Object.assign(new Error('EDQUOT'), { code: 'EDQUOT' })
      },
    }
    await write({ directory }, 1, 1)
    const sink = await openJsonlAuditSink({ directory, files })
    await sink.append(intent(2), {})
    await expect(sink.close()).rejects.toMatchObject({ code: 'EDQUOT' })
    await write({ directory }, 3, 3)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 3 })
  })

  it.each(['EIO', 'EROFS', 'EBADF', 'EDQUOT'])(
    'AUD-12 fails with %s: appends are refused until it works again [attack 78]',
    async (code) => {
      const directory = temporaryDirectory()
      const faults: Faults = {}
      const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
      await sink.append(intent(1), {})
      faults.write = code
      for (let i = 2; i < 5; i++) {
        await expect(sink.append(intent(i), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
      }
      delete faults.write
      expect(await sink.append(intent(5), {})).toMatchObject({ sequence: 2 })
      await sink.close()
      expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 2 })
    },
  )

  it.each(['group', 'always'] as const)(
    'AUD-12 fails to sync: no record is confirmed that the disk has not stored (%s) [attack 78]',
    async (sync) => {
      const directory = temporaryDirectory()
      const faults: Faults = {}
      const sink = await openJsonlAuditSink({ directory, sync, files: faultyFiles(faults) })
      await sink.append(intent(1), {})
      faults.sync = 'EIO'
      faults.syncMs = 5
      const results = await Promise.allSettled([2, 3, 4].map((number) => sink.append(intent(number), {})))
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
      delete faults.sync
      const [five, six] = await Promise.all([sink.append(intent(5), {}), sink.append(intent(6), {})])
      expect([five.durability, six.durability]).toEqual(['disk', 'disk'])
      await sink.close()
      expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
      const events = []
      for await (const { event } of readJsonlRecords({ directory })) events.push(event)
      expect(events.filter(({ kind }) => kind === 'intent').map((event) => event.id)).toEqual([id(1), id(5), id(6)])
      expect(events[1]).toMatchObject({ kind: 'recovered', reason: 'failed_sync' })
    },
  )

  it('AUD-12 fails while records wait: no truncated record is confirmed', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = { syncMs: 10 }
    const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
    await sink.append(intent(1), {})
    faults.sync = 'EIO'
    const confirmed: string[] = []
    const appends: Promise<unknown>[] = []
    for (let i = 2; i < 40; i++) {
      appends.push(
        sink.append(intent(i), {}).then(
          () => confirmed.push(id(i)),
          () => undefined,
        ),
      )
      if (i === 20) delete faults.sync
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await Promise.all(appends)
    await sink.close()
    const found = new Set<string>()
    for await (const { event } of readJsonlRecords({ directory })) found.add(event.id)
    expect(confirmed.filter((name) => !found.has(name))).toEqual([])
    expect(confirmed.length).toBeGreaterThan(0)
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
  })

  it('AUD-12 fails to sync a repair while a reader waits: the record is kept once it is read', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const syncs: (() => void)[] = []
    const { files } = countedFiles(faults, {
      async sync(file) {
        await new Promise<void>((resolve) => syncs.push(resolve))
        await machineFiles.sync(file)
      },
    })
    const sink = await openJsonlAuditSink({ directory, files })
    const first = sink.append(intent(1), {})
    await expect.poll(() => syncs.length).toBe(1)
    syncs.shift()?.()
    await first
    const reading = numbersIn(sink)
    await expect.poll(() => syncs.length).toBe(1)
    faults.room = 20
    faults.truncate = 'EIO'
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SHORT_WRITE' })
    delete faults.room
    delete faults.truncate
    faults.sync = 'EIO'
    await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.sync
    syncs.shift()?.()
    expect(await reading).toEqual([1])
    const last = sink.append(intent(4), {})
    await expect.poll(() => syncs.length).toBe(1)
    syncs.shift()?.()
    await last
    const closing = sink.close()
    await expect.poll(() => syncs.length).toBe(1)
    syncs.shift()?.()
    await closing
    const kept = (await eventsIn(directory)).filter(({ kind }) => kind === 'intent')
    expect(kept.map((event) => event.id)).toEqual([id(1), id(4)])
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
  })

  it('AUD-12 prevents the repair while readers wait for the next sync: no closed file is synced', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const syncs: (() => void)[] = []
    const { files, opened } = countedFiles(faults, {
      async sync(file) {
        await new Promise<void>((resolve) => syncs.push(resolve))
        await machineFiles.sync(file)
      },
    })
    const sink = await openJsonlAuditSink({ directory, files })
    const appended = sink.append(intent(1), {})
    await expect.poll(() => syncs.length).toBe(1)
    syncs.shift()?.()
    await appended
    const first = numbersIn(sink).catch((error: unknown) => error)
    await expect.poll(() => syncs.length).toBe(1)
    const second = numbersIn(sink).catch((error: unknown) => error)
    faults.room = 20
    faults.truncate = 'EIO'
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SHORT_WRITE' })
    delete faults.room
    delete faults.truncate
    faults.list = 'EIO'
    await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    syncs.shift()?.()
    expect(await first).toMatchObject({ code: 'EIO' })
    expect(await second).toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED', cause: undefined })
    await sink.close()
    expect(opened.size).toBe(0)
  })

  it('AUD-13 cannot create the next file: appends are refused until it can', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const sink = await openJsonlAuditSink({ directory, maxBytes: 4096, files: faultyFiles(faults) })
    faults.create = 'ENOSPC'
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.create
    for (let i = 1; i < 5; i++) await sink.append(intent(i), {})
    faults.create = 'EMFILE'
    const results = await Promise.allSettled(Array.from({ length: 9 }, (_, i) => sink.append(intent(5 + i), {})))
    expect(results.some(({ status }) => status === 'rejected')).toBe(true)
    delete faults.create
    await sink.append(intent(99), {})
    await sink.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true })
    expect(filesIn(directory)).toHaveLength(2)
  })

  it('AUD-05 hangs: the append ends at its deadline, and the log is complete afterwards [attack 78]', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = { syncMs: 80 }
    const log = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
    const sink = withDeadline(log, { deadlineMs: 30 })
    await expect(sink.append(intent(1), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_DEADLINE' })
    delete faults.syncMs
    // Without a deadline, which a busy machine would miss.
    await log.append(intent(2), {})
    await log.close()
    expect(await verifyAuditLog(readJsonlLines({ directory }))).toMatchObject({ valid: true, records: 2 })
    expect(await findOpenIntents(readJsonlRecords({ directory }))).toHaveLength(2)
  })
})
