// node only: uses process.nextTick and setImmediate
/**
 * Distributes questions to threads, and answers on the calling thread the questions that no thread answers.
 *
 * @module
 */

import process from 'node:process'
import type { Question } from './batch.ts'
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
  /** Starts the threads. Rejects with a ThreadError, and ends the others, when one does not start or answers wrongly. */
  start(): Promise<void>
  /**
   * Resolves with the answer of a thread. When all threads are busy, or the thread ends or fails at the question, resolves
   * or rejects as `here` does.
   */
  ask(question: Question, here: () => boolean | Promise<boolean>): Promise<boolean>
  /** Waits for all pending answers, then ends the threads. */
  close(): Promise<void>
}

interface Task {
  readonly question: Question
  readonly here: () => boolean | Promise<boolean>
  readonly resolve: (answer: boolean | Promise<boolean>) => void
}

/** Most questions of a batch: a thread needs a few milliseconds for them. */
const maxBatch = 32

/** Most batches that one thread has at a time: the second is there when the thread has answered the first. */
const batchesAhead = 2

/** Makes a dispatcher that has no threads yet. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { maxPending, ...groupOptions } = options
  const waiting: Task[] = []
  let pending = 0
  let isScheduled = false
  let closing: Promise<void> | undefined
  let whenIdle: (() => void) | undefined
  const group = createThreadGroup({
    ...groupOptions,
    onLoss: () => {
      if (group.ready.size === 0) for (const task of waiting.splice(0)) answerHere(task)
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
    while (waiting.length > 0) {
      const { thread, free } = leastBusy(group.ready)
      if (thread === undefined || free === 0) return
      void send(thread, waiting.splice(0, Math.min(maxBatch, Math.ceil(waiting.length / free))))
    }
  }

  async function send(thread: VerificationThread, tasks: readonly Task[]): Promise<void> {
    const answers = await thread.ask(tasks.map(({ question }) => question)).catch(() => [])
    for (const [at, task] of tasks.entries()) {
      const answer = answers[at]
      if (answer === undefined) answerHere(task)
      else settle(task, answer)
    }
    if (waiting.length > 0) schedule()
  }

  /** SIG-12: the failure of a thread is not a verdict. */
  function answerHere(task: Task): void {
    try {
      settle(task, task.here())
    } catch (error) {
      settle(task, Promise.reject(error))
    }
  }

  function settle(task: Task, answer: boolean | Promise<boolean>): void {
    task.resolve(answer)
    pending -= 1
    if (pending === 0) whenIdle?.()
  }

  function enqueue(question: Question, here: Task['here']): Promise<boolean> {
    return new Promise((resolve) => {
      pending += 1
      waiting.push({ question, here, resolve })
      schedule()
    })
  }

  function close(): Promise<void> {
    closing ??= group.stop(
      new Promise((resolve) => {
        whenIdle = resolve
        if (pending === 0) resolve()
      }),
    )
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
      if (closing === undefined && pending < maxPending && group.ready.size > 0) return enqueue(question, here)
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
