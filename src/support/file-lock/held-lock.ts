// node only: holds a lock between processes
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { writeBeat } from './heartbeat.ts'
import { freeName } from './lock-state.ts'

/** A lock that this process has taken. A timer renews it until `release`, and does not keep the process alive. */
export interface HeldLock {
  /**
   * Whether an earlier holder did not release the lock. It may be suspended in the middle of a write that does not go
   * through {@link HeldLock.publish}.
   */
  readonly takenOver: boolean
  /**
   * Whether this process holds the lock at this moment. It loses the lock when it was suspended for longer than a lease
   * and another process has taken the lock.
   */
  isHeld(): boolean
  /** A path for a new file that is to be published. The next holder removes the file. */
  draft(): string
  /**
   * Renames a draft to its place, unless the lock is lost. The next holder removes the drafts before anything else, so
   * that a late rename fails.
   *
   * @returns whether the draft was renamed.
   * @throws errors of `node:fs` for other reasons.
   */
  publish(draft: string, place: string): boolean
  /**
   * Releases the lock.
   *
   * @param options.settled - whether earlier holders can do no more harm. Default true; if false, the next holder finds
   * `takenOver` true.
   */
  release(options?: { readonly settled: boolean }): void
}

/** The state of a held lock. */
export interface Holding {
  readonly folder: string
  /** The name of the state in which this process holds the lock. */
  readonly name: string
  /** The number of that state. */
  readonly number: number
  readonly takenOver: boolean
  readonly renewMs: number
}

/** Begins to renew a lock that was taken. */
export function holdLock({ folder, name, number, takenOver, renewMs }: Holding): HeldLock {
  const path = join(folder, name)
  let state: 'held' | 'lost' | 'released' = 'held'
  let timer: NodeJS.Timeout | undefined

  async function renew(count: number): Promise<void> {
    try {
      await writeBeat(path, count)
    } catch (error) {
      // Any other error may be temporary; the lock is held until another process takes it.
      if (isMissing(error) && state === 'held') state = 'lost'
    }
    if (state !== 'held') return
    timer = setTimeout(renew, renewMs, count + 1)
    timer.unref()
  }

  function isHeld(): boolean {
    if (state !== 'held') return false
    try {
      // A status can come from the cache of this machine for longer. On NFS so can an open; see decision 023.
      closeSync(openSync(path, 'r'))
      return true
    } catch (error) {
      if (isMissing(error)) state = 'lost'
      return false
    }
  }

  void renew(1)
  return {
    takenOver,
    isHeld,
    draft: () => join(folder, `${number}-${randomBytes(8).toString('hex')}.draft`),
    publish(draft, place) {
      if (!isHeld()) return false
      try {
        renameSync(draft, place)
        return true
      } catch (error) {
        if (isMissing(error) && !isHeld()) return false
        throw error
      }
    },
    release({ settled } = { settled: true }) {
      clearTimeout(timer)
      if (state === 'held') {
        try {
          renameSync(path, join(folder, freeName(number + 1, settled)))
        } catch {
          // The lock is lost, or another process takes it when the lease has passed.
        }
      }
      state = 'released'
    },
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
