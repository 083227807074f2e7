/** A person who answers a question at a terminal of the program, in this process. */
import { PassThrough } from 'node:stream'
import { type CliResult, runCli } from './run-cli.ts'

/** How the person and the terminal behave. */
export interface Person {
  /** Typed as the answer. Default `yes`. */
  readonly line?: string
  /** Default 100. */
  readonly columns?: number
  /** Milliseconds in which input is ignored; the answer comes later. Default 0. */
  readonly readingMs?: number
  /** Typed as the question appears. */
  readonly early?: string
  /** Whether both sides are a terminal. Default true. */
  readonly isTTY?: boolean
  /** Called when the question is shown, before the answer. */
  readonly onQuestion?: () => void
}

/** Runs the program at a terminal. What it shows is in `err`. */
export function atTerminal(words: readonly string[], person: Person = {}): Promise<CliResult> {
  const { line = 'yes', columns = 100, readingMs = 0, isTTY = true, early, onQuestion } = person
  const input = Object.assign(new PassThrough(), { isTTY })
  const output = {
    isTTY,
    columns,
    write(text: string) {
      if (!text.includes('Type yes')) return
      onQuestion?.()
      if (early !== undefined) setImmediate(() => input.write(early))
      setTimeout(() => input.write(`${line}\n`), readingMs * 3 + 20)
    },
  }
  return runCli(words, '', {}, [], { input, output, readingMs })
}
