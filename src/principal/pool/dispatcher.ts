// node only: uses process.nextTick and setImmediate
/**
 * Which thread is asked what, and what happens to questions that no thread answers.
 *
 * @module
 */

import process from 'node:process'
import { ThreadError } from '../../errors.ts'
import { quietly } from '../../support/quietly.ts'
import type { Question } from './batch.ts'
import { knownQuestions } from './known-questions.ts'
import type { VerificationThread } from './verification-thread.ts'

/** What a {@link Dispatcher} is made of. */
export interface DispatcherOptions {
  /** How many threads. */
  readonly threads: number
  /** Most questions that wait or are under way. */
  readonly maxPending: number
  /** How often a thread that ended is replaced, in all. */
  readonly maxRestarts: number
  /** Starts a thread. Throws when it cannot. */
  readonly startThread: () => VerificationThread
  /** Told of each thread that ended, or did not start. */
  readonly onError: (error: ThreadError) => void
}

/** Hands questions to threads. */
export interface Dispatcher {
  /** Threads that answer. */
  readonly threads: number
  /** Starts the threads. Rejects with a ThreadError, and leaves none behind, unless all of them answer rightly. */
  start(): Promise<void>
  /**
   * Resolves what a thread answered. Where none does (all have enough to do, or it ended, or failed at the question),
   * resolves what `here` answers, and rejects as it does.
   */
  ask(question: Question, here: () => boolean | Promise<boolean>): Promise<boolean>
  /** Waits for all answers that are under way, and ends the threads. */
  close(): Promise<void>
}

interface Task {
  readonly question: Question
  readonly here: () => boolean | Promise<boolean>
  readonly resolve: (answer: boolean | Promise<boolean>) => void
  readonly reject: (error: unknown) => void
}

/** Most questions of a batch: what takes a thread a few milliseconds. */
const maxBatch = 32

/** Batches that a thread is given at a time: the next one is there when it has answered one. */
const batchesAhead = 2

/** Makes a dispatcher that has no threads yet. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const all = new Set<VerificationThread>()
  const ready = new Set<VerificationThread>()
  const waiting: Task[] = []
  let pending = 0
  let restarts = 0
  let isScheduled = false
  let closing: Promise<void> | undefined
  let whenIdle: (() => void) | undefined

  /** SIG-13: a thread takes part when it has told a good signature from a bad one. */
  async function add(): Promise<void> {
    const thread = options.startThread()
    all.add(thread)
    try {
      const [good, bad] = await thread.ask(knownQuestions())
      if (good !== true || bad !== false) throw new ThreadError('a thread verifies signatures wrongly')
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
    if (ready.size === 0) for (const task of waiting.splice(0)) answerHere(task)
    if (closing !== undefined) return
    if (restarts < options.maxRestarts) {
      restarts += 1
      add().catch(replace)
    }
    // Nobody waits for this: what a listener throws would end the process.
    quietly(() => options.onError(error))
  }

  /** When everything that can be said in this turn was said, so that it goes in few batches. */
  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    process.nextTick(dispatch)
  }

  function dispatch(): void {
    isScheduled = false
    while (waiting.length > 0) {
      let free = 0
      let next: VerificationThread | undefined
      for (const thread of ready) {
        free += Math.max(0, batchesAhead - thread.underWay)
        if (next === undefined || thread.underWay < next.underWay) next = thread
      }
      if (next === undefined || free === 0) return
      void send(next, waiting.splice(0, Math.min(maxBatch, Math.ceil(waiting.length / free))))
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

  /** SIG-12: a fault of a thread is neither a yes nor a no. */
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

  async function end(): Promise<void> {
    if (pending > 0) {
      await new Promise<void>((resolve) => {
        whenIdle = resolve
      })
    }
    ready.clear()
    await Promise.all([...all].map((thread) => thread.stop()))
  }

  return {
    get threads() {
      return ready.size
    },
    start: async () => {
      const started = await Promise.allSettled(Array.from({ length: options.threads }, add))
      const failure = started.find((result) => result.status === 'rejected')
      if (failure === undefined) return
      closing = end()
      await closing
      throw failure.reason
    },
    ask: async (question, here) => {
      // SIG-14: whoever asks too much does the work, but not before answers that have arrived are taken
      if (closing !== undefined || pending >= options.maxPending || ready.size === 0) {
        await new Promise((resolve) => setImmediate(resolve))
        return here()
      }
      return new Promise((resolve, reject) => {
        pending += 1
        waiting.push({ question, here, resolve, reject })
        schedule()
      })
    },
    close: () => {
      closing ??= end()
      return closing
    },
  }
}
