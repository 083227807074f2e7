// node only: reads a terminal
import { unlessAborted } from '../../support/abort.ts'
import { startDeadline } from '../../support/deadline.ts'
import { abortSignal, anything, milliseconds, numberFrom, readOptions, withDefault } from '../../support/options.ts'
import { readTypedLine } from '../../support/typed-line.ts'
import type { Clock } from '../../time.ts'
import { type DescribeOptions, describeApprovalRequest } from '../describe-request.ts'
import type { ReceivedRequest } from '../request.ts'

/** A stream that may be a terminal, such as `process.stdin`. */
export interface TerminalInput {
  readonly isTTY?: boolean
  on(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
  off(event: 'end', listener: () => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  pause(): unknown
  resume(): unknown
  /** Whether characters arrive one by one, and not as lines. */
  readonly isRaw?: boolean
  setRawMode?(on: boolean): unknown
}

/** A stream that may be a terminal, such as `process.stderr`. */
export interface TerminalOutput {
  readonly isTTY?: boolean
  /** Columns of a row. Below 40, an agent could choose where lines break, so the answer is no. */
  readonly columns?: number
  write(text: string): unknown
}

/** Options of {@link askInTerminal}. */
export interface AskInTerminalOptions extends Omit<DescribeOptions, 'width'> {
  /** Default: `process.stdin`. */
  readonly input?: TerminalInput
  /** Default: `process.stderr`, so that the output of the program can be redirected. */
  readonly output?: TerminalOutput
  /** Milliseconds in which the person can answer; then the answer is no. Default 120,000. */
  readonly timeoutMs?: number
  /**
   * Milliseconds after the question in which input is ignored: it was typed before the person read the question.
   * Default 500.
   */
  readonly readingMs?: number
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Ends the wait; the answer is then no. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Shows a request at a terminal, and reads one line there.
 *
 * @param where - the function whose options these are.
 * @param question - makes the lines below the words of the request, each of at most `width` columns, and the text
 *   before the cursor.
 * @returns the line; an empty one without a terminal on both sides, at the end of the input and at the end of the time.
 * @throws ArgumentError when an option is invalid.
 */
export async function askForLine(
  where: string,
  request: ReceivedRequest,
  options: AskInTerminalOptions,
  question: (width: number) => { readonly lines: readonly string[]; readonly prompt: string },
): Promise<string> {
  const given = readOptions(where, options, {
    input: withDefault(anything, process.stdin),
    output: withDefault(anything, process.stderr),
    timeoutMs: withDefault(milliseconds, 120_000),
    readingMs: withDefault(numberFrom(0), 500),
    names: anything,
    hide: anything,
    body: anything,
    clock: anything,
    signal: abortSignal,
  })
  const { input, output, timeoutMs, readingMs, signal, names, hide, body, clock } = given
  const columns = output.columns || 80
  const width = Math.max(Math.min(columns, 120), narrowest)
  const { lines } = describeApprovalRequest(request, {
    width,
    ...(names !== undefined && { names }),
    ...(hide !== undefined && { hide }),
    ...(body !== undefined && { body }),
    ...(clock !== undefined && { clock }),
  })
  // APR-40
  if (input.isTTY !== true || output.isTTY !== true) return ''
  if (columns < narrowest) {
    output.write(`\na request needs a terminal of ${narrowest} columns: refused\n`)
    return ''
  }
  const asked = question(width)
  output.write(`\n${[...lines, '', ...asked.lines].join('\n')}\n${asked.prompt}`)
  const deadline = startDeadline([signal], timeoutMs)
  try {
    return await unlessAborted(() => readTypedLine(input, readingMs, deadline.signal), deadline.signal)
  } catch {
    // APR-41
    output.write('\nno answer: refused\n')
    return ''
  } finally {
    deadline.end()
  }
}

/** Fewest columns. A narrower terminal breaks lines by itself, at places that an agent could choose. */
const narrowest = 40
