// node only: locks between processes by files
/**
 * A lock between processes that share a folder, also from different containers, machines and PID namespaces.
 *
 * The lock is a folder with one file in it, whose name is the state: its number, and who holds it. A state follows
 * another by a rename of that file, which succeeds for one process alone and only while the file has the name that this
 * process has seen: an atomic compare-and-set. The next holder also removes the drafts of earlier ones. So a process
 * that stood still and goes on after its lock was taken publishes nothing; see {@link HeldLock.publish}.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { access, lstat, mkdir, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { describeHost, readBeat } from './heartbeat.ts'
import { type HeldLock, holdLock } from './held-lock.ts'
import { freeName, heldName, type LockState, stateAmong } from './lock-state.ts'
import { hasEnded, ownIdentity, type ProcessIdentity } from './process-identity.ts'
import { createWatch } from './watch.ts'

/** How often a holder says that it lives, and for how long it is believed. */
export interface LockTiming {
  /** Milliseconds between two renewals by a holder. */
  readonly renewMs: number
  /** Milliseconds without a renewal, by the clock of the process that waits, after which it takes the lock. */
  readonly leaseMs: number
  /** Milliseconds between two looks of a process that waits. */
  readonly pollMs: number
}

/** The timing of every lock. */
export const lockTiming: LockTiming = Object.freeze({ renewMs: 1_000, leaseMs: 10_000, pollMs: 20 })

/** Who holds a lock that could not be taken. */
export interface LockHolder {
  /** Its number in its own PID namespace. */
  readonly process: number
  /** The name of its machine; empty when it is not known. */
  readonly host: string
  readonly isThisProcess: boolean
  /** Whether it was seen to renew the lock meanwhile: it lives. */
  readonly renewed: boolean
}

/** The lock, or who has it. */
export type LockAnswer = { readonly lock: HeldLock } | { readonly holder: LockHolder | undefined }

/** A lock that can be taken. */
export interface FileLock {
  /**
   * Takes the lock as soon as it is free, its holder has ended for certain, or has not renewed it for as long as {@link
   * LockTiming.leaseMs}.
   *
   * @param waitMs - milliseconds to wait for a holder that lives; 0 for one look. A silent holder seems to have ended,
   *   and is waited for until its lease has passed; on a machine that is held up that takes up to three leases.
   * @throws what `node:fs` throws; an error with the code `ERR_LOCK_FOLDER`, and what to do in its message, when
   *   something else is in the place of the folder, others may write it, or its state was removed and other files are
   *   in it.
   */
  acquire(waitMs: number): Promise<LockAnswer>
  /** Removes drafts that a killed process has left, unless another process may hold the lock. */
  removeDrafts(): Promise<void>
}

/**
 * Makes a lock over a folder, which its first use creates. Nothing is taken yet.
 *
 * @param folder - its path. Its parent folder must exist.
 */
export function createFileLock(folder: string, timing: LockTiming = lockTiming): FileLock {
  const own = ownIdentity()
  const watch = createWatch(timing.renewMs)
  const acquire = async (waitMs: number): Promise<LockAnswer> => {
    const began = performance.now()
    let renewed = false
    for (;;) {
      const state = (await readState(folder)) ?? (await begin(folder))
      const holder = state?.holder
      const beat = state === undefined || holder === undefined ? '' : await readBeat(join(folder, state.name))
      // Without a state, the folder was changed meanwhile, or somebody has removed the state: nobody holds the lock then.
      const isRenewed = watch.observe(state?.name ?? '', beat)
      // Observed each time, also after a renewal: a holder that ends afterwards is detected by its silence alone.
      renewed ||= isRenewed
      const quiet = watch.quietMs() >= timing.leaseMs
      if (state !== undefined && (holder === undefined || hasEnded(holder, own) || quiet)) {
        const lock = await take(folder, state, own, timing)
        if (lock !== undefined) return { lock }
        continue
      }
      if (state === undefined && quiet) {
        await clear(folder)
        watch.forget()
        continue
      }
      const now = performance.now()
      const silent = waitMs > 0 && now - (watch.since() ?? now) > 3 * timing.renewMs
      if (now - began >= waitMs + (silent ? 3 * timing.leaseMs : 0)) {
        return { holder: holder && describe(holder, own, watch.beat(), renewed) }
      }
      await new Promise((resolve) => setTimeout(resolve, timing.pollMs))
    }
  }
  return {
    acquire,
    async removeDrafts() {
      if ((await draftsIn(folder)).length === 0) return
      const answer = await acquire(0)
      if ('lock' in answer) answer.lock.release({ settled: !answer.lock.takenOver })
    },
  }
}

function describe(holder: ProcessIdentity, own: ProcessIdentity, beat: string, renewed: boolean): LockHolder {
  return { process: holder.process, host: describeHost(beat), isThisProcess: isSame(holder, own), renewed }
}

/** Makes the next state, unless another process has made one since. */
async function take(
  folder: string,
  { name, number, settled }: LockState,
  own: ProcessIdentity,
  { renewMs }: LockTiming,
): Promise<HeldLock | undefined> {
  const token = randomBytes(12).toString('hex')
  const next = heldName(number + 1, token, own)
  try {
    await rename(join(folder, name), join(folder, next))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    // A file server whose response was lost has done the first request, and answers the second one with this error.
    if (!(await exists(join(folder, next)))) return undefined
  }
  const lock = holdLock({ folder, name: next, number: number + 1, takenOver: !settled, renewMs })
  try {
    const others = await removeStatesBefore(folder, number + 1)
    await removeDraftsBefore(folder, number + 1)
    return others ? { ...lock, takenOver: true } : lock
  } catch (error) {
    lock.release({ settled })
    throw error
  }
}

/**
 * Removes states that somebody has put back, so that a holder of one of them has lost the lock. This comes before the
 * drafts are listed: until then such a holder may make one and publish it.
 *
 * @returns whether there was one.
 */
async function removeStatesBefore(folder: string, number: number): Promise<boolean> {
  let found = false
  for (const name of await readdir(folder)) {
    if (stateAmong([name]) === undefined || Number.parseInt(name, 10) >= number) continue
    // A listing during the rename can contain the state before it, which does not exist any more.
    if ((await unlink(join(folder, name)).then(() => true, ignoreMissing)) === true) found = true
  }
  return found
}

/**
 * Removes the drafts of earlier holders, which they cannot publish any more. Those of later ones stay: this process can
 * be suspended here too.
 */
async function removeDraftsBefore(folder: string, number: number): Promise<void> {
  for (const name of await draftsIn(folder)) {
    if (Number.parseInt(name, 10) < number) await unlink(join(folder, name)).catch(ignoreMissing)
  }
}

/** The state of a lock; undefined when there is no folder yet, or a change was met. */
async function readState(folder: string): Promise<LockState | undefined> {
  const status = await lstat(folder).catch(ignoreMissing)
  if (status === undefined) return undefined
  if (!status.isDirectory()) throw unusable('it is not a folder; remove it')
  // Windows has access lists in place of modes, and Node does not show them.
  if (process.platform !== 'win32' && (status.uid !== process.geteuid?.() || (status.mode & 0o022) !== 0))
    throw unusable('other users may write it; run chown and chmod 700')
  const state = stateAmong(await readdir(folder))
  if (state !== undefined) await assertOwn(join(folder, state.name))
  return state
}

/** A holder that cannot open its state could neither renew it nor find out whether it still has it. */
async function assertOwn(path: string): Promise<void> {
  const status = await lstat(path).catch(ignoreMissing)
  if (status === undefined || process.platform === 'win32') return
  if (status.isFile() && status.uid === process.geteuid?.() && (status.mode & 0o600) === 0o600) return
  throw unusable('this user must be able to read and write its files; run chown -R and chmod 600 for them')
}

/** Empties a folder without a state, so that a new one can take its place. */
async function clear(folder: string): Promise<void> {
  const names = (await readdir(folder).catch(ignoreMissing)) ?? []
  if (stateAmong(names) !== undefined) return
  if (!names.every(isDraft)) throw unusable('it contains other files and no state of a lock; remove them')
  for (const name of names) await unlink(join(folder, name)).catch(ignoreMissing)
  // Not with what is in it by now.
  await rmdir(folder).catch(() => undefined)
}

/**
 * Makes the folder, unless it is there. It comes with its first state in one step, and so is never without one: a
 * second one cannot take the place of a folder that is not empty.
 */
async function begin(folder: string): Promise<LockState | undefined> {
  const fresh = `${folder}.${randomBytes(12).toString('hex')}.new`
  await mkdir(fresh, { mode: 0o700 })
  try {
    // Not settled: the folder can be one that was removed while somebody held the lock.
    await writeFile(join(fresh, freeName(0, false)), '', { flag: 'wx', mode: 0o600 })
    await rename(fresh, folder)
  } catch (error) {
    await rm(fresh, { recursive: true, force: true })
    const there = ['ENOTEMPTY', 'EEXIST', ...(process.platform === 'win32' ? ['EPERM', 'EACCES'] : [])]
    if (!there.includes(codeOf(error))) throw error
  }
  return readState(folder)
}

async function draftsIn(folder: string): Promise<readonly string[]> {
  const names = (await readdir(folder).catch(ignoreMissing)) ?? []
  return names.filter(isDraft)
}

function isDraft(name: string): boolean {
  return /^\d+-[0-9a-f]+\.draft$/.test(name)
}

function isSame(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return one.scope === other.scope && one.process === other.process && one.started === other.started
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function ignoreMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException).code)
}

function unusable(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_LOCK_FOLDER' })
}
