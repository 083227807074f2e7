// node only: uses node:fs
/**
 * Keeps a second process from writing the same log.
 *
 * @module
 */

import { randomUUID } from 'node:crypto'
import * as fs from 'node:fs'
import { hostname } from 'node:os'
import process from 'node:process'
import { AuditError, quote } from '../../errors.ts'

/** A lock that is held. */
export interface LogLock {
  /** Whether the lock is still ours: nobody removed or replaced it. */
  isHeld(): boolean
  /** Gives it back. */
  release(): void
}

/** Who holds a lock, as its file says. */
interface Holder {
  readonly pid: number
  /** Start of the process in ticks since the machine's, where that can be known: a number used again is seen by it. */
  readonly started: string
  readonly host: string
  /** The machine's present life. */
  readonly boot: string
}

/**
 * Takes the lock of a log, a file that says who holds it. A lock whose holder has ended, on this machine, is taken over.
 * AUD-14
 *
 * @throws AuditError when another process holds it, or one on another machine of which it cannot be known.
 */
export function lockLog(path: string): LogLock {
  const own = `${path}.${randomUUID()}`
  // The file stays open, so that its number in the file system cannot be given to another one while we compare it.
  const file = fs.openSync(own, 'wx', 0o600)
  try {
    fs.writeSync(file, JSON.stringify(self()))
    if (!linked(own, path)) takeOver(own, path)
  } catch (error) {
    fs.closeSync(file)
    throw error
  } finally {
    fs.rmSync(own, { force: true })
  }
  const { ino } = fs.fstatSync(file)
  const lock: LogLock = {
    isHeld: () => fs.lstatSync(path, { throwIfNoEntry: false })?.ino === ino,
    release() {
      if (lock.isHeld()) fs.unlinkSync(path)
      fs.closeSync(file)
    },
  }
  return lock
}

/** Gives the file a second name, which succeeds for one process only. */
function linked(own: string, path: string): boolean {
  try {
    fs.linkSync(own, path)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw new AuditError('ERR_AUDIT_CONFIGURATION', `the lock ${quote(path, 256)} cannot be made`, { cause: error })
  }
}

/** Replaces the lock of a process that has ended. Two that try this at once replace each other's: the last one has it. */
function takeOver(own: string, path: string): void {
  let found = ''
  try {
    found = fs.readFileSync(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && linked(own, path)) return
    throw new AuditError('ERR_AUDIT_CONFIGURATION', `the lock ${quote(path, 256)} cannot be read`, { cause: error })
  }
  const holder = parseHolder(found)
  if (holder === undefined || mayLive(holder)) {
    const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${quote(holder.host)}`
    throw new AuditError(
      'ERR_AUDIT_CONFIGURATION',
      `${who} writes this log; if it has ended for certain, remove ${quote(path, 256)}`,
    )
  }
  fs.renameSync(own, path)
}

function self(): Holder {
  return { pid: process.pid, started: startOf(process.pid), host: hostname(), boot: bootOf() }
}

/** True whenever it is not certain that the holder has ended. */
function mayLive(holder: Holder): boolean {
  if (holder.host !== hostname()) return true
  if (holder.boot !== bootOf()) return false
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
  const started = startOf(holder.pid)
  return started === '' || holder.started === '' || started === holder.started
}

/** Field 22 of `/proc/<pid>/stat`, counted behind the name of the program, which may hold anything. */
function startOf(pid: number): string {
  const stat = textOf(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

function bootOf(): string {
  return textOf('/proc/sys/kernel/random/boot_id').trim()
}

function textOf(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null
    if (value === null || !Number.isSafeInteger(value.pid)) return undefined
    const { pid, started, host, boot } = value
    if (typeof started !== 'string' || typeof host !== 'string' || typeof boot !== 'string') return undefined
    return { pid: Number(pid), started, host, boot }
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
