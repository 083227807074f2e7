import { TransportError } from 'procura/errors'
import { unlessAborted } from '#support/abort.ts'
import { createTurns } from '../../../support/turns.ts'

/** An event of a stream, as WHATWG HTML describes them. */
export interface StreamEvent {
  /** The kind of event. Default `message`. */
  readonly type: string
  readonly data: string
  /** The id of the last event that had one. */
  readonly lastId: string | undefined
  /** The wait before a reconnection that the server asked for, in milliseconds. */
  readonly retryMs: number | undefined
}

/** Milliseconds after which other work has its turn. */
const turnMs = 5

/**
 * Reads Server-Sent Events. An event without data is also returned, because it can have an id.
 *
 * @param most - the largest number of characters of an event.
 * @throws TransportError when an event is longer; the error of the stream when it breaks off; the reason of the signal.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  { most, signal }: { readonly most: number; readonly signal: AbortSignal },
): AsyncGenerator<StreamEvent, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const event = createEvent()
  /**
   * The text behind the last complete line. It is put together when a line ends in it: a server may send single bytes.
   */
  let parts: string[] = []
  let length = 0
  const add = (text: string): void => {
    parts.push(text)
    length += text.length
    if (length + event.length() > most)
      throw new TransportError('too_large', `an event has more than ${most} characters`)
  }
  const turn = createTurns(turnMs)
  try {
    for (;;) {
      // A server that sends faster than its events are read would hold all other sessions.
      await turn()
      const { done, value } = await unlessAborted(() => reader.read(), signal)
      const text = value === undefined ? decoder.decode() : decoder.decode(value, { stream: true })
      const isInside = !/[\r\n]/.test(text) && parts.at(-1)?.endsWith('\r') !== true
      if (isInside && !done) {
        add(text)
        continue
      }
      const all = parts.join('') + text
      let start = 0
      for (let found = endOfLine(all, start, done); found !== undefined; found = endOfLine(all, start, done)) {
        const complete = event.take(all.slice(start, found.end))
        start = found.next
        if (complete !== undefined) yield complete
      }
      parts = []
      length = 0
      add(all.slice(start))
      if (done) return
    }
  } finally {
    reader.cancel().catch(() => undefined)
  }
}

/** The end of a line: LF, CR LF, or CR. A CR at the end of the received text may be followed by an LF. */
function endOfLine(
  text: string,
  start: number,
  isLast: boolean,
): { readonly end: number; readonly next: number } | undefined {
  const [lf, cr] = [text.indexOf('\n', start), text.indexOf('\r', start)]
  if (cr < 0 || (lf >= 0 && lf < cr)) return lf < 0 ? undefined : { end: lf, next: lf + 1 }
  if (cr + 1 === text.length && !isLast) return undefined
  return { end: cr, next: text[cr + 1] === '\n' ? cr + 2 : cr + 1 }
}

/** Collects the lines of an event. */
function createEvent(): { take(line: string): StreamEvent | undefined; length(): number } {
  let type = ''
  let data: string[] = []
  let length = 0
  let lastId: string | undefined
  let retryMs: number | undefined
  return {
    length: () => length,
    take(line) {
      if (line === '') {
        const event = { type: type === '' ? 'message' : type, data: data.join('\n'), lastId, retryMs }
        type = ''
        data = []
        length = 0
        return event
      }
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
      if (field === 'data') {
        data.push(value)
        length += value.length + 1
      }
      if (field === 'event') type = value
      if (field === 'id' && !value.includes('\0')) lastId = value
      if (field === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value)
      return undefined
    },
  }
}
