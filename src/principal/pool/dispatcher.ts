// node only: uses process.nextTick and setImmediate
/**
 * Distributes questions to threads, and answers on the calling thread the questions that no thread answers.
 *
 * @module
 */

import process from 'node:process'
import type { Question } from './batch.ts'
import { createTaskQueue, type Task } from './task-queue.ts'
import { createThreadGroup, type ThreadGroupOptions } from './thread-group.ts'
import type { VerificationThread } from './verification-thread.ts'

/** Options of {@link createDispatcher}. */
export interface DispatcherOptions extends Omit<ThreadGroupOptions, 'onLoss'> {
  /** Most questions that wait or are with a thread. */
  readonly maxPending: number
}

/** Distributes questions to threads. */
export interface Dispatcher {
  /** The number of threads that answer. */
  readonly threads: number
  /**
   * Starts the threads. Rejects with a ThreadError, and ends the others, when one does not start or answers wrongly.
   */
  start(): Promise<void>
  /**
   * Resolves with the answer of a thread. When all threads are busy, or the thread ends or fails at the question,
   * resolves or rejects as `here` does.
   */
  ask(question: Question, here: () => boolean | Promise<boolean>): Promise<boolean>
  /** Waits for all pending answers, then ends the threads. */
  close(): Promise<void>
}

/** Most questions of a batch: a thread needs a few milliseconds for them. */
const maxBatch = 32

/** Most batches that one thread has at a time: the second is there when the thread has answered the first. */
const batchesAhead = 2

/** Makes a dispatcher that has no threads yet. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { maxPending, ...groupOptions } = options
  const queue = createTaskQueue()
  let isScheduled = false
  let closing: Promise<void> | undefined
  const group = createThreadGroup({
    ...groupOptions,
    onLoss: () => {
      if (group.ready.size === 0) for (const task of queue.take()) queue.answerHere(task)
    },
  })

  /** Waits for the end of the turn, so that the questions of one turn go in few batches. */
  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    process.nextTick(dispatch)
  }

  function dispatch(): void {
    isScheduled = false
    while (queue.waiting > 0) {
      const { thread, free } = leastBusy(group.ready)
      if (thread === undefined || free === 0) return
      void send(thread, queue.take(Math.min(maxBatch, Math.ceil(queue.waiting / free))))
    }
  }

  async function send(thread: VerificationThread, tasks: readonly Task[]): Promise<void> {
    const answers = await thread.ask(tasks.map(({ question }) => question)).catch(() => [])
    for (const [at, task] of tasks.entries()) {
      const answer = answers[at]
      if (answer === undefined) queue.answerHere(task)
      else queue.settle(task, answer)
    }
    if (queue.waiting > 0) schedule()
  }

  function close(): Promise<void> {
    closing ??= group.stop(queue.whenIdle())
    return closing
  }

  return {
    get threads() {
      return group.ready.size
    },
    start: () =>
      group.start().catch(async (error) => {
        await close()
        throw error
      }),
    ask: async (question, here) => {
      if (closing === undefined && queue.pending < maxPending && group.ready.size > 0) {
        const answer = queue.add(question, here)
        schedule()
        return answer
      }
      // SIG-14: a caller with too many questions does the work, after the answers that have arrived are taken.
      await new Promise((resolve) => setImmediate(resolve))
      return here()
    },
    close,
  }
}

/** The thread with the fewest batches, and the number of batches that all of them can still take. */
function leastBusy(threads: ReadonlySet<VerificationThread>) {
  let free = 0
  let least: VerificationThread | undefined
  for (const thread of threads) {
    free += Math.max(0, batchesAhead - thread.underWay)
    if (least === undefined || thread.underWay < least.underWay) least = thread
  }
  return { thread: least, free }
}
