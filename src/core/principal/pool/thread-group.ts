// node only: its threads are those of node:worker_threads
/**
 * The threads of a pool: started together, replaced when one fails, and ended together.
 *
 * @module
 */

import { ThreadError } from '../../../errors.ts'
import { quietly } from '../../../support/quietly.ts'
import { knownQuestions } from './known-questions.ts'
import type { VerificationThread } from './verification-thread.ts'

/** Options of {@link createThreadGroup}. */
export interface ThreadGroupOptions {
  /** The number of threads. */
  readonly threads: number
  /** Most replacements of failed threads, in the life of the group. */
  readonly maxRestarts: number
  /** Starts a thread. Throws when it cannot. */
  readonly startThread: () => VerificationThread
  /** Receives the error of each thread that ended or did not start. */
  readonly onError: (error: ThreadError) => void
  /** Called when a thread has left the group, before it is replaced. */
  readonly onLoss: () => void
}

/** Threads that verify. */
export interface ThreadGroup {
  /** The threads that have passed their test and answer. */
  readonly ready: ReadonlySet<VerificationThread>
  /** Starts the threads. Rejects with a ThreadError when one of them does not start or answers wrongly. */
  start(): Promise<void>
  /** Replaces no thread from now on, and ends all of them when `idle` has resolved. */
  stop(idle: Promise<void>): Promise<void>
}

/** Makes a group without threads. */
export function createThreadGroup(options: ThreadGroupOptions): ThreadGroup {
  const all = new Set<VerificationThread>()
  const ready = new Set<VerificationThread>()
  let restarts = 0
  let isStopping = false

  async function add(): Promise<void> {
    const thread = options.startThread()
    all.add(thread)
    try {
      await assertVerifies(thread)
    } catch (error) {
      all.delete(thread)
      await thread.stop()
      throw error
    }
    ready.add(thread)
    void thread.failed.then((error) => replace(error, thread))
  }

  function replace(error: ThreadError, thread?: VerificationThread): void {
    if (thread !== undefined) {
      all.delete(thread)
      ready.delete(thread)
    }
    options.onLoss()
    if (isStopping) return
    if (restarts < options.maxRestarts) {
      restarts += 1
      add().catch(replace)
    }
    // No caller waits for this function, so an error of the callback would end the process.
    quietly(() => options.onError(error))
  }

  return {
    ready,
    start: async () => {
      const started = await Promise.allSettled(Array.from({ length: options.threads }, add))
      const failure = started.find((result) => result.status === 'rejected')
      if (failure !== undefined) throw failure.reason
    },
    stop: async (idle) => {
      isStopping = true
      await idle
      ready.clear()
      await Promise.all([...all].map((thread) => thread.stop()))
    },
  }
}

/** SIG-13: a thread takes part when it has distinguished a valid signature from an invalid one. */
async function assertVerifies(thread: VerificationThread): Promise<void> {
  const [good, bad] = await thread.ask(knownQuestions())
  if (good !== true || bad !== false) throw new ThreadError('a verification thread gives wrong verdicts')
}
