// node only: takes locks
import { access, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createFileLock } from '#support/file-lock/file-lock.ts'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { makeFolders } from '#support/make-folders.ts'

/** A gateway that runs. */
export interface RunningGateway {
  /** The file of its state, without links. */
  readonly file: string
  /** The number of its process. */
  readonly process: number | 'unknown'
  /** Whether that number is certainly one of this machine and namespace. */
  readonly isNear: boolean
}

/**
 * Takes the lock of the gateway whose state a file is. One that runs has it, and one that starts waits for it.
 *
 * @param state - the path of the file.
 * @returns undefined when no gateway has had the file.
 */
export async function lockGateway(state: string): Promise<{ readonly lock: HeldLock } | RunningGateway | undefined> {
  const file = await realpath(state).catch(() => state)
  const isThere = await access(`${file}.owner`).then(
    () => true,
    () => false,
  )
  return isThere ? acquire(file) : undefined
}

/** The same where no gateway has had the file: the first one waits for the lock as well. */
export async function holdGateway(state: string): Promise<{ readonly lock: HeldLock } | RunningGateway> {
  const file = await realpath(state).catch(() => state)
  await makeFolders(dirname(file))
  return acquire(file)
}

async function acquire(file: string): Promise<{ readonly lock: HeldLock } | RunningGateway> {
  const answer = await createFileLock(`${file}.owner`).acquire(0)
  if ('lock' in answer) return answer
  const { process = 'unknown', isNear = false } = answer.holder ?? {}
  return { file, process, isNear }
}

/** The gateway that has a state. Its sessions go on where nothing listens at its place any more. */
export async function runningGateway(state: string): Promise<RunningGateway | undefined> {
  const answer = await lockGateway(state)
  if (answer === undefined || !('lock' in answer)) return answer
  answer.lock.release()
  return undefined
}

/** The process that has the state of a gateway. */
export async function runningProcess(state: string): Promise<RunningGateway['process'] | undefined> {
  return (await runningGateway(state))?.process
}
