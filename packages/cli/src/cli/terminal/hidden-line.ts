// node only: reads a terminal
import type { Readable, Writable } from 'node:stream'
import { UsageError } from '../usage-error.ts'
import { checkOwnTerminal } from './own-terminal.ts'

/** A terminal that a person types at. */
export interface TerminalInput extends Readable {
  /** While it is raw, the terminal shows nothing by itself and hands on every key. */
  setRawMode(raw: boolean): unknown
}

/** A terminal that questions are shown on. */
export interface TerminalOutput extends Writable {
  /** Absent when the output goes to a file or another program. */
  readonly isTTY?: boolean
}

/**
 * Asks for a line and does not show it. The terminal is as before when it resolves.
 *
 * @param signal - breaks it off.
 * @returns the line without its end; undefined when it was broken off (Ctrl-C, Ctrl-D, the end of the input, the
 *   signal).
 * @throws UsageError when several lines were pasted: the first alone would not be the secret; or when the terminal
 *   belongs to another user.
 */
export async function readHiddenLine(
  input: TerminalInput,
  output: TerminalOutput,
  question: string,
  signal?: AbortSignal,
): Promise<Uint8Array | undefined> {
  checkOwnTerminal(input)
  const typed: number[] = []
  // Before the question, so that an answer given at once is hidden too.
  input.setRawMode(true)
  // A paste arrives in pieces. Without its marks the first line would be the secret, and the shell would run the
  // others.
  output.write(output.isTTY === true ? `${markPastes}${question}` : question)
  let pasteStart: number | undefined
  try {
    for (;;) {
      const chunk = await nextChunk(input, signal)
      for (const [index, byte] of (chunk ?? []).entries()) {
        if (pasteStart !== undefined) {
          typed.push(byte)
          if (!endsWith(typed, pasteEndMark)) continue
          typed.length -= pasteEndMark.length
          checkPaste(typed, pasteStart)
          pasteStart = undefined
        } else if (byte === keyCodes.enter || byte === keyCodes.lineFeed) {
          if (chunk?.subarray(index + 1).some((rest) => rest !== keyCodes.lineFeed)) throw new UsageError(several)
          return Uint8Array.from(typed)
        } else if (byte === keyCodes.interrupt || byte === keyCodes.endOfInput) return undefined
        else if (byte === keyCodes.backspace || byte === keyCodes.erase) removeLast(typed)
        else {
          typed.push(byte)
          if (!endsWith(typed, pasteStartMark)) continue
          typed.length -= pasteStartMark.length
          pasteStart = typed.length
        }
      }
      if (chunk === undefined) return undefined
    }
  } finally {
    input.setRawMode(false)
    typed.fill(0)
    output.write(output.isTTY === true ? `${leavePastes}\n` : '\n')
  }
}

/** The next keys; undefined at the end of the input, and when the signal has fired. */
function nextChunk(input: TerminalInput, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void): void => {
      input.off('data', onData).off('end', onEnd).off('error', onError).pause()
      signal?.removeEventListener('abort', onEnd)
      then()
    }
    const onData = (chunk: Uint8Array): void => settle(() => resolve(chunk))
    const onEnd = (): void => settle(() => resolve(undefined))
    const onError = (error: Error): void => settle(() => reject(error))
    if (signal?.aborted === true) return resolve(undefined)
    signal?.addEventListener('abort', onEnd)
    input.on('data', onData).on('end', onEnd).on('error', onError).resume()
  })
}

/** Drops the line end behind a paste, and refuses a paste of several lines. */
function checkPaste(typed: number[], start: number): void {
  for (const end of [keyCodes.lineFeed, keyCodes.enter]) if (typed.length > start && typed.at(-1) === end) typed.pop()
  if (typed.slice(start).some((byte) => byte === keyCodes.enter || byte === keyCodes.lineFeed))
    throw new UsageError(several)
}

function endsWith(typed: readonly number[], mark: readonly number[]): boolean {
  return mark.every((byte, index) => typed[typed.length - mark.length + index] === byte)
}

/** Takes back a character of UTF-8, which may have several bytes. */
function removeLast(typed: number[]): void {
  while ((typed.at(-1) ?? 0) >> 6 === 0b10) typed.pop()
  typed.pop()
}

const keyCodes: Readonly<Record<'interrupt' | 'endOfInput' | 'erase' | 'lineFeed' | 'enter' | 'backspace', number>> =
  Object.freeze({ interrupt: 0x03, endOfInput: 0x04, erase: 0x08, lineFeed: 0x0a, enter: 0x0d, backspace: 0x7f })

const several = 'several lines were pasted; send a secret of several lines to standard input'

/** Asks the terminal to put marks around a paste, and no longer to do so ("bracketed paste mode" of xterm). */
const markPastes = '\x1b[?2004h'
const leavePastes = '\x1b[?2004l'
const pasteStartMark: readonly number[] = [0x1b, 0x5b, 0x32, 0x30, 0x30, 0x7e]
const pasteEndMark: readonly number[] = [0x1b, 0x5b, 0x32, 0x30, 0x31, 0x7e]
