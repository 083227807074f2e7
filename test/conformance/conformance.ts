// node only: starts a process
/**
 * Asks an implementation, in whatever language it is, about vectors: one JSON question a line on its standard input,
 * one JSON answer a line on its standard output.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Vector } from '../../spec/vectors/generator/vector.ts'

/** What an implementation is asked. */
export type Question = Pick<Vector, 'container' | 'context'> & { readonly id: number }

/** What came of a case. */
export type Outcome = 'right' | 'wrong' | 'left out' | 'unanswered'

/** A case and what the implementation said. */
export interface Result {
  readonly vector: Vector
  readonly outcome: Outcome
  /** What was said, in a few words. */
  readonly said: string
  /** Whether the refusal was right and its code another. */
  readonly otherCode: boolean
}

/** How an implementation is asked. */
export interface ConformanceOptions {
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly vectors: readonly Vector[]
  /** Seconds without any answer after which the rest is unanswered. */
  readonly timeout: number
}

/** The longest answer that is read, in characters. */
const longestAnswer = 65_536

/** Asks about every vector; resolves with a result for each, in their order. */
export async function runConformance({ command, vectors, timeout }: ConformanceOptions): Promise<readonly Result[]> {
  const [program, ...args] = command
  if (program === undefined) throw new Error('no command was given')
  const answers = await ask(program, args, vectors, timeout)
  return vectors.map((vector, id) => judge(vector, answers.get(id)))
}

function ask(
  program: string,
  args: readonly string[],
  vectors: readonly Vector[],
  timeout: number,
): Promise<ReadonlyMap<number, unknown>> {
  return new Promise((resolve, reject) => {
    const answers = new Map<number, unknown>()
    const child = spawn(program, [...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    let timer: NodeJS.Timeout | undefined
    const finish = (): void => {
      clearTimeout(timer)
      child.kill()
      resolve(answers)
    }
    const wait = (): void => {
      clearTimeout(timer)
      timer = setTimeout(finish, timeout * 1_000)
    }
    child.once('error', (error) => {
      clearTimeout(timer)
      reject(new Error(`${program} could not be started: ${error.message}`))
    })
    child.once('close', finish)
    // An implementation that ends early closes its end; what it did not answer is reported.
    child.stdin.on('error', () => undefined)
    createInterface({ input: child.stdout }).on('line', (line) => {
      wait()
      const answer = parse(line)
      if (answer !== undefined && !answers.has(answer.id)) answers.set(answer.id, answer)
      if (answers.size === vectors.length) finish()
    })
    wait()
    for (const [id, { container, context }] of vectors.entries()) {
      const question: Question = { id, container, context }
      child.stdin.write(`${JSON.stringify(question)}\n`)
    }
    child.stdin.end()
    if (vectors.length === 0) finish()
  })
}

function parse(line: string): { readonly id: number } | undefined {
  if (line.length > longestAnswer) return undefined
  try {
    const answer: unknown = JSON.parse(line)
    return hasId(answer) ? answer : undefined
  } catch {
    return undefined
  }
}

function hasId(answer: unknown): answer is { readonly id: number } {
  return typeof answer === 'object' && answer !== null && 'id' in answer && Number.isSafeInteger(answer.id)
}

function judge(vector: Vector, answer: unknown): Result {
  const { allowed, code, skipped } = (answer ?? {}) as {
    readonly allowed?: unknown
    readonly code?: unknown
    readonly skipped?: unknown
  }
  const result = (outcome: Outcome, said: string, otherCode = false): Result => ({ vector, outcome, said, otherCode })
  if (skipped === true) return result('left out', 'left out')
  if (typeof allowed !== 'boolean') return result('unanswered', 'no answer')
  const said = allowed ? 'yes' : `no (${typeof code === 'string' ? code : 'no code'})`
  const { expected } = vector
  if (allowed !== expected.allowed) return result('wrong', said)
  return result('right', said, !expected.allowed && code !== expected.code)
}
