// node only: file locks between processes
/**
 * A lock between processes that share a folder, also from different containers, machines and PID namespaces.
 *
 * The lock is a folder with one file in it. The name of that file is the state: its number and its holder. A process
 * changes the state by renaming that file. The rename succeeds for one process alone, and only while the file has the
 * name that this process has read: an atomic compare-and-set. The next holder also removes the drafts of earlier
 * holders. A process that was suspended, lost its lock and continues therefore publishes nothing; see
 * {@link HeldLock.publish}.
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

/** How often a holder renews its lock, and how long a renewal is valid. */
export interface LockTiming {
  /** Milliseconds between two renewals by a holder. */
  readonly renewMs: number
  /** Milliseconds without a renewal, by the clock of the waiting process, after which it takes the lock. */
  readonly leaseMs: number
  /** Milliseconds between two reads of the state by a waiting process. */
  readonly pollMs: number
}

/** The timing of every lock. */
export const lockTiming: LockTiming = Object.freeze({ renewMs: 1_000, leaseMs: 10_000, pollMs: 20 })

/** The holder of a lock that could not be taken. */
export interface LockHolder {
  /** Its process id in its own PID namespace. */
  readonly process: number
  /** The name of its machine; empty if unknown. */
  readonly host: string
  readonly isThisProcess: boolean
  /** Whether its process id is certainly valid here: it is of the same boot and PID namespace. */
  readonly isNear: boolean
  /** Whether the holder renewed the lock during the wait; it is alive then. */
  readonly renewed: boolean
}

/** The lock, or its present holder. */
export type LockAnswer = { readonly lock: HeldLock } | { readonly holder: LockHolder | undefined }

/** A lock that processes can take. */
export interface FileLock {
  /**
   * Takes the lock as soon as it is free, its holder has certainly ended, or {@link LockTiming.leaseMs} have passed
   * without a renewal.
   *
   * @param waitMs - milliseconds to wait for a live holder; 0 to try once. A silent holder has probably ended, so its
   * lease is awaited as well; on a stalled machine that takes up to three leases.
   * @throws errors of `node:fs`. An error with the code `ERR_LOCK_FOLDER`, whose message contains the remedy, when the
   * path is not a folder, when other users may write it, or when it contains other files and no state.
   */
  acquire(waitMs: number): Promise<LockAnswer>
  /** Removes drafts left by a killed process, unless another process may hold the lock. */
  removeDrafts(): Promise<void>
}

/**
 * Creates a lock over a folder; the first use creates the folder. Nothing is taken yet.
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
      // Without a state, the folder has just changed, or somebody has removed the state file: the lock has no holder.
      const isRenewed = watch.observe(state?.name ?? '', beat)
      // Observe after a renewal too: a holder that ends afterwards is detected by its silence alone.
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
  const isNear = own.scope !== '' && holder.scope === own.scope
  return { process: holder.process, host: describeHost(beat), isThisProcess: isSame(holder, own), isNear, renewed }
}

/** Creates the next state, unless another process has created one since. */
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
    // The response of a file server can be lost and the request repeated: ENOENT then follows a rename that succeeded.
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
 * Removes state files that somebody has restored, so that a holder of one of them has lost the lock. The caller lists
 * drafts only afterwards: until then such a holder can create and publish one.
 *
 * @returns whether there was one.
 */
async function removeStatesBefore(folder: string, number: number): Promise<boolean> {
  let found = false
  for (const name of await readdir(folder)) {
    if (stateAmong([name]) === undefined || Number.parseInt(name, 10) >= number) continue
    // A listing during the rename can contain the previous state, which no longer exists.
    if ((await unlink(join(folder, name)).then(() => true, ignoreMissing)) === true) found = true
  }
  return found
}

/**
 * Removes the drafts of earlier holders, so that these cannot publish them any more. Drafts of later holders remain:
 * this process can be suspended here too.
 */
async function removeDraftsBefore(folder: string, number: number): Promise<void> {
  for (const name of await draftsIn(folder)) {
    if (Number.parseInt(name, 10) < number) await unlink(join(folder, name)).catch(ignoreMissing)
  }
}

/** The state of a lock; undefined if the folder does not exist yet or is changing. */
async function readState(folder: string): Promise<LockState | undefined> {
  const status = await lstat(folder).catch(ignoreMissing)
  if (status === undefined) return undefined
  if (!status.isDirectory()) throw unusable('it is not a folder; remove it')
  // Windows uses access lists instead of modes, and Node does not report them.
  if (process.platform !== 'win32' && (status.uid !== process.geteuid?.() || (status.mode & 0o022) !== 0))
    throw unusable('other users may write it; run chown and chmod 700')
  const state = stateAmong(await readdir(folder))
  if (state !== undefined) await assertOwn(join(folder, state.name))
  return state
}

/** Refuses a state file of another user: its holder could neither renew it nor check that it still exists. */
async function assertOwn(path: string): Promise<void> {
  const status = await lstat(path).catch(ignoreMissing)
  if (status === undefined || process.platform === 'win32') return
  if (status.isFile() && status.uid === process.geteuid?.() && (status.mode & 0o600) === 0o600) return
  throw unusable('this user must be able to read and write its files; run chown -R and chmod 600 for them')
}

/** Removes a folder that has no state, so that a new one can replace it. */
async function clear(folder: string): Promise<void> {
  const names = (await readdir(folder).catch(ignoreMissing)) ?? []
  if (stateAmong(names) !== undefined) return
  if (!names.every(isDraft)) throw unusable('it contains other files and no state of a lock; remove them')
  for (const name of names) await unlink(join(folder, name)).catch(ignoreMissing)
  // Not recursively: another process may have written a file since the listing.
  await rmdir(folder).catch(() => undefined)
}

/**
 * Creates the folder, unless it exists. The folder is renamed into place with its first state, so that it always has
 * one. A rename cannot replace a non-empty folder.
 */
async function begin(folder: string): Promise<LockState | undefined> {
  const fresh = `${folder}.${randomBytes(12).toString('hex')}.new`
  await mkdir(fresh, { mode: 0o700 })
  try {
    // Not settled: somebody may have removed the folder of a held lock.
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
