// node only: reads and writes streams
import type { Readable, Writable } from 'node:stream'
import { createTurns } from '#support/turns.ts'

/** Most bytes of a line, the line feed included. */
export const longestLine = 4_194_304

/** Most bytes that are kept for the next line. */
const mostKept = 65_536

/** Milliseconds after which other work has its turn. */
const turnMs = 5

/** Bytes of the beginning and of the end of a faulty line that are reported: each has room for the longest id. */
const keptOfFault = 8_192

/** A line that is not a text: it is too long, or is not valid UTF-8. */
export interface LineFault {
  readonly fault: 'too_long' | 'not_utf8'
  /** Its beginning and its end. */
  readonly ends: readonly [string, string]
}

/**
 * Splits a stream of bytes into lines, one at a time: nothing more is read before the caller asks for the next line. A
 * line that is too long is skipped, and is not kept in memory. A last line without a line feed counts as one. An empty
 * one is skipped. CON-05
 */
export async function* readLines(input: Readable): AsyncGenerator<string | LineFault, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  // One copy of the beginning of a line: a program may write single bytes, and each chunk takes more memory.
  let begun = Buffer.alloc(0)
  let length = 0
  const ends: [Uint8Array, Uint8Array] = [Buffer.alloc(0), Buffer.alloc(0)]
  const add = (part: Uint8Array): void => {
    const end = length + part.length
    if (end >= longestLine) {
      const known = length < longestLine ? begun.subarray(0, length) : ends[1]
      if (length < longestLine) ends[0] = Buffer.concat([known, part]).subarray(0, keptOfFault)
      ends[1] = Uint8Array.from(
        Buffer.concat([known.subarray(-keptOfFault), part.subarray(-keptOfFault)]).subarray(-keptOfFault),
      )
      begun = Buffer.alloc(0)
    } else {
      if (end > begun.length) begun = Buffer.concat([begun.subarray(0, length)], Math.min(2 * end, longestLine))
      begun.set(part, length)
    }
    length = end
  }
  const textOf = (bytes: Uint8Array): string | LineFault => {
    try {
      return decoder.decode(bytes)
    } catch {
      return faultOf('not_utf8', bytes, bytes)
    }
  }
  const take = (): string | LineFault => {
    const line = length >= longestLine ? faultOf('too_long', ...ends) : textOf(begun.subarray(0, length))
    if (begun.length > mostKept) begun = Buffer.alloc(0)
    length = 0
    return line
  }

  const turn = createTurns(turnMs)
  for await (const chunk of input as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      // A chunk can have 65,536 lines, and each turn of another session needs one of the loop.
      const pause = turn()
      if (pause !== undefined) await pause
      add(chunk.subarray(start, end))
      if (length > 0) yield take()
      start = end + 1
    }
    if (start < chunk.length) add(chunk.subarray(start))
  }
  if (length > 0) yield take()
}

function faultOf(fault: LineFault['fault'], beginning: Uint8Array, end: Uint8Array): LineFault {
  const decoder = new TextDecoder()
  return {
    fault,
    ends: [decoder.decode(beginning.subarray(0, keptOfFault)), decoder.decode(end.subarray(-keptOfFault))],
  }
}

/**
 * Writes a line, and waits while the reader is slower. Rejects with the error of the stream when its other side is
 * gone.
 */
export type LineWriter = (line: string) => Promise<void>

/**
 * Makes the writer of a stream. All lines that wait share one wait: a listener for each would be reported as a leak.
 */
export function lineWriter(output: Writable): LineWriter {
  let waiting: Promise<void> | undefined

  function drained(): Promise<void> {
    return new Promise<void>((settle, fail) => {
      const end = (error?: Error): void => {
        waiting = undefined
        output.off('drain', settled).off('close', closed).off('error', end)
        if (error === undefined) settle()
        else fail(error)
      }
      const settled = (): void => end()
      const closed = (): void => end(ended())
      output.on('drain', settled).on('close', closed).on('error', end)
    })
  }

  return async (line) => {
    if (output.destroyed || output.writableEnded) throw ended()
    if (output.write(`${line}\n`)) return
    waiting ??= drained()
    await waiting
  }
}

function ended(): Error {
  return new Error('the stream has ended')
}
