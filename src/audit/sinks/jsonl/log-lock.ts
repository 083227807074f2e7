// node only: locks between processes by files
import { AuditError } from '../../../errors.ts'
import { describeHolder } from '../../../support/file-lock/describe-holder.ts'
import {
  createFileLock,
  type LockAnswer,
  type LockHolder,
  type LockTiming,
  lockTiming,
} from '../../../support/file-lock/file-lock.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { quietly } from '../../../support/quietly.ts'
import { quote } from '../../../support/quote.ts'
import { setUp } from '../../configuration.ts'

/** Milliseconds to wait for a running process: it may be about to end, as when a service is restarted. */
const longestWait = 15_000

/**
 * Takes the lock of a log. If its holder has ended for certain, there is no wait; if it may have ended, the wait is its
 * lease; for a running holder it is 15 seconds. AUD-14
 *
 * @param folder - the folder of the lock.
 * @param unusable - the message if the folder cannot be used.
 * @param onWait - receives a message before the wait.
 * @throws AuditError `ERR_AUDIT_CONFIGURATION` that names the holder.
 */
export async function lockLog(
  folder: string,
  unusable: string,
  onWait: (message: string) => void = () => undefined,
  timing: LockTiming = lockTiming,
): Promise<HeldLock> {
  const lock = createFileLock(folder, timing)
  let answer: LockAnswer
  const began = performance.now()
  const wait = (longestWait / lockTiming.leaseMs) * timing.leaseMs
  try {
    answer = await lock.acquire(0)
    if (!('lock' in answer)) {
      const { holder } = answer
      if (holder?.isThisProcess !== true) quietly(() => onWait(waitsFor(holder, folder, wait)))
      answer = await lock.acquire(2 * timing.renewMs)
    }
    const own = !('lock' in answer) && answer.holder?.isThisProcess === true && answer.holder.renewed
    if (!('lock' in answer) && !own) answer = await lock.acquire(wait - 2 * timing.renewMs)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_LOCK_FOLDER') {
      const message = `the lock ${quote(folder, 256)} cannot be used: ${(cause as Error).message}`
      throw new AuditError('ERR_AUDIT_CONFIGURATION', message)
    }
    return setUp(unusable, () => {
      throw cause
    })
  }
  if ('lock' in answer) return answer.lock
  const { holder } = answer
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  const where = quote(folder, 256)
  let message = `${describeHolder(holder)} writes this log, and kept the lock ${where} while this process waited for ${seconds} s; stop it, or name another directory`
  if (holder?.isThisProcess) message = `this process has opened the log of the lock ${where} already; close it first`
  throw new AuditError('ERR_AUDIT_CONFIGURATION', message)
}

function waitsFor(holder: LockHolder | undefined, folder: string, waitMs: number): string {
  const most = `at most ${(waitMs / 1000).toFixed(0)} s while it runs`
  return `${describeHolder(holder)} has the lock ${quote(folder, 256)} of this log; waiting until it ends, ${most}`
}
