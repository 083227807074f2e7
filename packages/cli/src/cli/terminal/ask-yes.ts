// node only: reads a terminal
import process from 'node:process'
import { unlessAborted } from '#support/abort.ts'
import { startDeadline } from '#support/deadline.ts'
import { readTypedLine, type TypedInput } from '#support/typed-line.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { checkOwnTerminal } from './own-terminal.ts'

/** A terminal with a person: the streams of `Host.terminal`, or those of the process. */
export interface OwnTerminal {
  readonly input: TypedInput
  readonly output: { readonly columns?: number; write(text: string): unknown }
  readonly readingMs: number
}

/** Milliseconds for the answer, and after the question, in which input counts as typed before it was read. */
const [answerMs, readingMs] = [600_000, 500]

/**
 * The terminal of a person. An agent can run this program, and must not be able to say yes.
 *
 * @param otherwise - what to do without a terminal, for the message.
 * @throws UsageError when standard input or standard error is no terminal, or it belongs to another user.
 */
export function ownTerminal(host: Host, otherwise: string): OwnTerminal {
  const input = (host.terminal?.input ?? process.stdin) as TypedInput & { readonly isTTY?: boolean }
  const output = (host.terminal?.output ?? process.stderr) as OwnTerminal['output'] & { readonly isTTY?: boolean }
  if (!host.isTerminal || input.isTTY !== true || output.isTTY !== true)
    throw new UsageError(
      `a person has to answer at a terminal, and standard input or standard error is not a terminal; ${otherwise}`,
    )
  checkOwnTerminal(input)
  return { input, output, readingMs: host.terminal?.readingMs ?? readingMs }
}

/** Asks for the line `yes`. Everything else is a no: another line, the end of the input, and ten minutes. */
export async function askYes(terminal: OwnTerminal): Promise<boolean> {
  return (await askLine(terminal, 'Type yes and press Enter; anything else is a no: ')) === 'yes'
}

/**
 * Asks for a line.
 *
 * @param question - has no text of others.
 * @returns an empty line at the end of the input, and after ten minutes.
 */
export async function askLine(terminal: OwnTerminal, question: string): Promise<string> {
  const { input, output, readingMs: ignoredMs } = terminal
  output.write(question)
  // A stream reports its end once.
  const { readableEnded, destroyed } = Object(input) as {
    readonly readableEnded?: boolean
    readonly destroyed?: boolean
  }
  if (readableEnded === true || destroyed === true) return ''
  const deadline = startDeadline([], answerMs)
  try {
    return await unlessAborted(() => readTypedLine(input, ignoredMs, deadline.signal), deadline.signal)
  } catch {
    output.write('\n')
    return ''
  } finally {
    deadline.end()
  }
}
