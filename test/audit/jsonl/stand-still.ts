import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { expect } from 'vitest'
import { openJsonlLog } from '../../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { type LogFiles, machineFiles } from '../../../src/audit/sinks/jsonl/log-files.ts'
import { readJsonlLines, readJsonlRecords } from '../../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../../src/audit/verify/verify-audit-log.ts'
import { id, intent } from '../events.ts'
import { leaveLock } from './leave-lock.ts'
import { shortLease } from './short-lease.ts'

/** The results of one suspended writer. */
export interface StandStillReport {
  /** The file operation before which it was suspended; undefined if it has fewer operations. */
  readonly operation: string | undefined
  /** The events that it confirmed, and those that the other process confirmed. */
  readonly confirmed: readonly string[]
  /** How many events it refused. */
  readonly refused: number
}

const appends = 14

/**
 * Suspends a writer before one of its file operations, for as long as another process needs to detect the silent lock,
 * take it, and write. The writer then continues. It begins files, and repairs a short write and a failed sync. It has
 * taken the lock from a previous holder, so that it replaces a file first.
 *
 * @param writer - the bundled writer, which the other process runs.
 * @param at - the number of the operation before which it is suspended, counted from 0.
 */
export async function standStill(writer: string, directory: string, at: number): Promise<StandStillReport> {
  const lease = shortLease(60)
  const before = await openJsonlLog({ directory, maxBytes: 4_096 }, lease)
  for (let i = 1; i <= 2; i++) await before.sink.append(intent(i), {})
  await before.sink.close()
  leaveLock(directory, { started: '1' })

  const confirmed = [id(1), id(2)]
  let operation: string | undefined
  let number = 0
  const others = (): void => {
    const start = String(1_000 + at)
    const said = takeOver(writer, [directory, 'group', start, '4096', '1', '60', '5'])
    confirmed.push(...said.filter((line) => /^[0-9a-f]{32}$/.test(line)))
  }
  const files = counted((name) => {
    if (number++ !== at) return
    operation = name
    others()
  })
  let refused = 0
  try {
    const { sink } = await openJsonlLog({ directory, maxBytes: 4_096, files }, lease)
    for (let i = 0; i < appends; i++) {
      if (i === 4) files.faults.room = 100
      if (i === 5) delete files.faults.room
      if (i === 7) files.faults.sync = true
      if (i === 8) delete files.faults.sync
      await sink.append(intent(10 + i), {}).then(
        ({ sequence }) => {
          expect(sequence).toBeGreaterThan(2)
          confirmed.push(id(10 + i))
        },
        () => {
          refused += 1
        },
      )
    }
    await sink.close()
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_AUDIT_(INTEGRITY|CONFIGURATION)$/) })
    refused = appends
  }

  const last = await openJsonlLog({ directory, maxBytes: 4_096 }, lease)
  await last.sink.append(intent(9_999), {})
  await last.sink.close()
  expect(await verifyAuditLog(readJsonlLines({ directory })), `${at} ${operation}`).toMatchObject({ valid: true })
  const found: string[] = []
  for await (const { event } of readJsonlRecords({ directory })) found.push(event.id)
  const missing = confirmed.filter((name) => !found.includes(name))
  expect(missing, `${at} ${operation}`).toEqual([])
  return { operation, confirmed, refused }
}

/**
 * Runs the writer while this process stands still, until it has taken the lock. It counts no time in which it could not
 * see the holder, so that on a busy machine it may give up first. Returns the lines that it printed.
 */
export function takeOver(writer: string, parameters: readonly string[]): readonly string[] {
  for (let attempt = 1; ; attempt++) {
    const { status, stdout } = spawnSync(process.execPath, [writer, ...parameters], { encoding: 'utf8' })
    if (status === 0) return stdout.split('\n')
    const isHeld = stdout.startsWith('failed ERR_AUDIT_CONFIGURATION')
    if (!isHeld || attempt === 50) throw new Error(`the writer ended with ${status}: ${stdout}`)
  }
}

interface CountedFiles extends LogFiles {
  readonly faults: { room?: number; sync?: boolean }
}

/** The files of this machine; `tell` gets the name of each operation before it begins. */
function counted(tell: (name: string) => void): CountedFiles {
  const faults: CountedFiles['faults'] = {}
  const fail = (): void => {
    if (faults.sync) throw Object.assign(new Error('EIO'), { code: 'EIO' })
  }
  const told = <A extends unknown[], R>(name: string, task: (...args: A) => R): ((...args: A) => R) => {
    return (...args) => {
      tell(name)
      return task(...args)
    }
  }
  return {
    faults,
    makeDirectory: machineFiles.makeDirectory,
    list: told('list', machineFiles.list),
    open: told('open', machineFiles.open),
    close: told('close', machineFiles.close),
    read: told('read', machineFiles.read),
    truncate: told('truncate', machineFiles.truncate),
    stateOf: told('stateOf', machineFiles.stateOf),
    stateAt: told('stateAt', machineFiles.stateAt),
    syncDirectory: told('syncDirectory', machineFiles.syncDirectory),
    write: told('write', (file, bytes) => machineFiles.write(file, bytes.subarray(0, faults.room))),
    sync: told('sync', async (file) => {
      fail()
      await machineFiles.sync(file)
    }),
    syncNow: told('syncNow', (file) => {
      fail()
      machineFiles.syncNow(file)
    }),
  }
}
