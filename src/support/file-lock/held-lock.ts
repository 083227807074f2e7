// node only: holds a lock between processes
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { writeBeat } from './heartbeat.ts'
import { freeName } from './lock-state.ts'

/** A lock that was taken. It is renewed by a timer, which does not keep the process alive, until it is given back. */
export interface HeldLock {
  /**
   * Whether an earlier holder did not give the lock back: it may stand still in the middle of a write that does not go
   * through {@link HeldLock.publish}.
   */
  readonly takenOver: boolean
  /**
   * Whether the lock is held at this moment. It is lost when this process stood still for longer than a lease, and
   * another one has taken it.
   */
  isHeld(): boolean
  /** A path for a new file that is to be published. The next holder removes what is there. */
  draft(): string
  /**
   * Renames a draft to its place, unless the lock was lost: the next holder has removed the drafts before it does
   * anything else, so that the rename fails, however late it comes.
   *
   * @returns whether it was done.
   * @throws what `node:fs` throws for other reasons.
   */
  publish(draft: string, place: string): boolean
  /**
   * Gives the lock back.
   *
   * @param options.settled - whether an earlier holder can do no harm any more. Default true; if false, the next holder
   *   finds `takenOver` true.
   */
  release(options?: { readonly settled: boolean }): void
}

/** What is held. */
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
      // Any other error may pass; until then the lock is held for as long as nobody takes it.
      if (isMissing(error) && state === 'held') state = 'lost'
    }
    if (state !== 'held') return
    timer = setTimeout(renew, renewMs, count + 1)
    timer.unref()
  }

  function isHeld(): boolean {
    if (state !== 'held') return false
    try {
      // A status could come from a cache of this machine for longer. On NFS an open can too; see decision 023.
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
          // It was lost, or is taken when the lease has passed.
        }
      }
      state = 'released'
    },
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}
