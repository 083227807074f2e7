// node only: starts processes

import { fork } from 'node:child_process'
import { once } from 'node:events'
import process from 'node:process'

/** A question to a process: the name of one of its methods, and the values. */
interface Question {
  readonly id: number
  readonly method: string
  readonly values: readonly unknown[]
}

/** Its answer; the first one, when it is ready, has the id 0. */
interface Answer {
  readonly id: number
  readonly answer?: unknown
  readonly fault?: string
}

/** A process that answers questions. */
export interface AskedProcess {
  /** Rejects when the method fails, or the process ends before it has answered. */
  ask(method: string, ...values: readonly unknown[]): Promise<unknown>
  /** Kills it, and waits for its end. */
  end(): Promise<void>
}

/**
 * Starts a program that calls {@link answerQuestions}.
 *
 * @param parameters - its argument, as JSON.
 */
export async function askProcess(
  program: string,
  parameters: object,
  node: string = process.execPath,
): Promise<AskedProcess> {
  const child = fork(program, [JSON.stringify(parameters)], {
    execPath: node,
    execArgv: ['--no-warnings'],
    serialization: 'advanced',
  })
  const waiting = new Map<number, (answer: Answer) => void>()
  let last = 0
  const next = (id: number) => new Promise<Answer>((resolve) => waiting.set(id, resolve))
  const ready = next(0)
  child.on('message', (answer: Answer) => {
    waiting.get(answer.id)?.(answer)
    waiting.delete(answer.id)
  })
  child.once('close', () => {
    for (const [id, resolve] of waiting) resolve({ id, fault: 'the process ended' })
  })
  const { fault: failed } = await ready
  if (failed !== undefined) throw new Error(failed)
  return {
    async ask(method, ...values) {
      last += 1
      const answer = next(last)
      child.send({ id: last, method, values } satisfies Question)
      const { answer: found, fault } = await answer
      if (fault !== undefined) throw new Error(fault)
      return found
    },
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'close')
      child.kill('SIGKILL')
      await ended
    },
  }
}

/** Answers the questions of the parent process until that ends. */
export function answerQuestions(methods: object): void {
  const tell = (answer: Answer): void => void process.send?.(answer)
  process.on('message', async ({ id, method, values }: Question) => {
    try {
      const task = (methods as Record<string, (...given: readonly unknown[]) => unknown>)[method]
      tell({ id, answer: await task?.(...values) })
    } catch (cause) {
      tell({ id, fault: String(cause) })
    }
  })
  process.once('disconnect', () => process.exit())
  tell({ id: 0 })
}
