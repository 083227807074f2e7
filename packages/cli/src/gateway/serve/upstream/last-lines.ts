// node only: streams
import type { Readable } from 'node:stream'
import { quote } from '#support/quote.ts'

/** Most lines that are shown, and most characters of each. */
const most = Object.freeze({ lines: 5, characters: 200 })

/** Most characters that are kept: a program may write without end. */
const keptCharacters = 8_192

/** Milliseconds for the rest of a stream whose program has ended: a program that left its group may hold it open. */
const restMs = 500

/** The last lines of a stream. */
export interface LastLines {
  /** Resolves to the lines, quoted for a message, when the stream has ended or does not end in time. */
  words(): Promise<string>
}

/** Keeps the last lines of the standard error of a program, from which its secrets are removed already. WRP-83 */
export function lastLines(stream: Readable): LastLines {
  let text = ''
  stream.setEncoding('utf8')
  stream.on('data', (part: string) => {
    text = (text + part).slice(-keptCharacters)
  })
  stream.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => {
    stream.once('close', () => resolve())
  })
  return {
    async words() {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, restMs)
      })
      await Promise.race([closed, late])
      clearTimeout(timer)
      const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '')
      return lines.slice(-most.lines).map(quoted).join(', ')
    },
  }
}

/** Without backticks, which mark the commands that Procura recommends. */
function quoted(line: string): string {
  return `"${quote(line.trimEnd(), most.characters).slice(1, -1)}"`
}
