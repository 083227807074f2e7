/**
 * Questions that wait for a thread, and the callers that wait for their answers.
 *
 * @module
 */

import type { Question } from './batch.ts'

/** A question, and the way to answer it without a thread. */
export interface Task {
  readonly question: Question
  /** Verifies on the calling thread. */
  readonly here: () => boolean | Promise<boolean>
  readonly resolve: (answer: boolean | Promise<boolean>) => void
}

/** Tasks in the order of their arrival. */
export interface TaskQueue {
  /** Tasks that no thread has taken yet. */
  readonly waiting: number
  /** Tasks without an answer: those that wait, and those that a thread has taken. */
  readonly pending: number
  /** Adds a task. Resolves with its answer. */
  add(question: Question, here: Task['here']): Promise<boolean>
  /** Takes the first `count` of the tasks that wait, or all of them. */
  take(count?: number): readonly Task[]
  /** Answers a task that was taken. */
  settle(task: Task, answer: boolean | Promise<boolean>): void
  /** Answers a task that was taken on the calling thread. */
  answerHere(task: Task): void
  /** Resolves when no task is pending. Called once, when no more tasks are added. */
  whenIdle(): Promise<void>
}

/** Makes an empty queue. */
export function createTaskQueue(): TaskQueue {
  const tasks: Task[] = []
  let pending = 0
  let onIdle: (() => void) | undefined

  function settle(task: Task, answer: boolean | Promise<boolean>): void {
    task.resolve(answer)
    pending -= 1
    if (pending === 0) onIdle?.()
  }

  return {
    get waiting() {
      return tasks.length
    },
    get pending() {
      return pending
    },
    add: (question, here) =>
      new Promise((resolve) => {
        pending += 1
        tasks.push({ question, here, resolve })
      }),
    take: (count = tasks.length) => tasks.splice(0, count),
    settle,
    // SIG-12: the failure of a thread is not a verdict.
    answerHere: (task) => {
      try {
        settle(task, task.here())
      } catch (error) {
        settle(task, Promise.reject(error))
      }
    },
    whenIdle: () =>
      new Promise((resolve) => {
        onIdle = resolve
        if (pending === 0) resolve()
      }),
  }
}
