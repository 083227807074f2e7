// node only: uses setImmediate
/**
 * Distributes questions to threads, and answers on the calling thread the questions that no thread answers.
 *
 * @module
 */

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

/** Most batches that one thread has at a time: the second one waits when the thread has answered the first. */
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

  /**
   * Waits for the end of the turn of the event loop. A message costs a tenth of a verification, and the questions of
   * one turn, for example of all the requests that have arrived, go to each thread in one message.
   */
  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(dispatch)
  }

  function dispatch(): void {
    isScheduled = false
    while (queue.waiting > 0) {
      const threads = leastBusy(group.ready)
      if (threads.length === 0) return
      for (const [at, thread] of threads.entries()) {
        const share = Math.ceil(queue.waiting / (threads.length - at))
        if (share > 0) void send(thread, queue.take(Math.min(maxBatch, share)))
      }
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
    ask: (question, here) => {
      if (closing === undefined && queue.pending < maxPending && group.ready.size > 0) {
        schedule()
        return queue.add(question, here)
      }
      // SIG-14: a caller with too many questions does the work, after the answers that have arrived are taken.
      return new Promise((resolve) => setImmediate(resolve)).then(here)
    },
    close,
  }
}

/** The threads with the fewest batches; an empty list when all threads are busy. */
function leastBusy(threads: ReadonlySet<VerificationThread>): readonly VerificationThread[] {
  const least = Math.min(batchesAhead, ...Array.from(threads, ({ underWay }) => underWay))
  return least < batchesAhead ? [...threads].filter(({ underWay }) => underWay === least) : []
}
