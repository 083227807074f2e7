// node only: reads a terminal
import type { Readable, Writable } from 'node:stream'
import { UsageError } from './usage.ts'

/** A terminal that what is typed comes from. */
export interface TerminalInput extends Readable {
  /** While it is raw, the terminal shows nothing by itself and hands on every key. */
  setRawMode(raw: boolean): unknown
}

/**
 * Asks for a line and does not show it. The terminal is as before when it resolves.
 *
 * @returns what was typed, without the end of the line; undefined when it was broken off (Ctrl-C, Ctrl-D, the end of the
 *   input).
 * @throws UsageError when several lines were pasted: the first alone would not be the secret.
 */
export async function readHiddenLine(
  input: TerminalInput,
  output: Writable,
  question: string,
): Promise<Uint8Array | undefined> {
  const typed: number[] = []
  // before the question: who answers at once is not to see it either
  input.setRawMode(true)
  output.write(question)
  try {
    for (;;) {
      const chunk = await nextChunk(input)
      for (const [index, byte] of (chunk ?? []).entries()) {
        if (byte === KEY.enter || byte === KEY.lineFeed) {
          if (chunk?.subarray(index + 1).some((rest) => rest !== KEY.lineFeed)) throw new UsageError(SEVERAL)
          return Uint8Array.from(typed)
        }
        if (byte === KEY.interrupt || byte === KEY.endOfInput) return undefined
        if (byte === KEY.backspace || byte === KEY.erase) removeLast(typed)
        else typed.push(byte)
      }
      if (chunk === undefined) return undefined
    }
  } finally {
    input.setRawMode(false)
    typed.fill(0)
    output.write('\n')
  }
}

/** What is typed next; undefined at the end of the input. */
function nextChunk(input: TerminalInput): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void): void => {
      input.off('data', onData).off('end', onEnd).off('error', onError).pause()
      then()
    }
    const onData = (chunk: Uint8Array): void => settle(() => resolve(chunk))
    const onEnd = (): void => settle(() => resolve(undefined))
    const onError = (error: Error): void => settle(() => reject(error))
    input.on('data', onData).on('end', onEnd).on('error', onError).resume()
  })
}

/** Takes back a character of UTF-8, which may have several bytes. */
function removeLast(typed: number[]): void {
  while ((typed.at(-1) ?? 0) >> 6 === 0b10) typed.pop()
  typed.pop()
}

const KEY: Readonly<Record<'interrupt' | 'endOfInput' | 'erase' | 'lineFeed' | 'enter' | 'backspace', number>> =
  Object.freeze({ interrupt: 0x03, endOfInput: 0x04, erase: 0x08, lineFeed: 0x0a, enter: 0x0d, backspace: 0x7f })

const SEVERAL = 'several lines were pasted; send a secret of several lines to standard input'
