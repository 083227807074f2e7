// node only: locks between processes by files
import { VaultError } from '../../errors.ts'
import { quote } from '../quote.ts'
import { vaultFailure } from '../vault-failure.ts'
import { describeHolder } from './describe-holder.ts'
import type { FileLock, LockAnswer } from './file-lock.ts'
import type { HeldLock } from './held-lock.ts'

/**
 * Runs a task while no other process runs one under the same lock.
 *
 * @param folder - the folder of the lock, for messages.
 * @param timeoutMs - milliseconds to wait for the lock.
 * @throws VaultError `ERR_VAULT_UNAVAILABLE` when another process holds it for longer, `ERR_VAULT_CONFIGURATION` when
 *   the folder cannot be used.
 */
export async function withFileLock<T>(
  lock: FileLock,
  folder: string,
  timeoutMs: number,
  task: (held: HeldLock) => Promise<T>,
): Promise<T> {
  let answer: LockAnswer
  try {
    // VLT-24
    answer = await lock.acquire(timeoutMs)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_LOCK_FOLDER') {
      const message = `the lock ${quote(folder, 256)} cannot be used: ${(cause as Error).message}`
      throw new VaultError('ERR_VAULT_CONFIGURATION', message)
    }
    throw vaultFailure('ERR_VAULT_UNAVAILABLE', `the lock ${quote(folder, 256)} could not be acquired`, cause)
  }
  if (!('lock' in answer)) {
    const message = `${describeHolder(answer.holder)} held the lock ${quote(folder, 256)} for ${timeoutMs} ms; try again, or raise \`lockTimeoutMs\``
    throw new VaultError('ERR_VAULT_UNAVAILABLE', message)
  }
  try {
    return await task(answer.lock)
  } finally {
    answer.lock.release()
  }
}
