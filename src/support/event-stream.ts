import { unlessAborted } from './abort.ts'
import { createTurns } from './turns.ts'

/** An event of a stream, as WHATWG HTML describes them. */
export interface StreamEvent {
  /** The kind of event. Default `message`. */
  readonly type: string
  /** Undefined for an event without a field `data`. */
  readonly data: string | undefined
  /** The id of the last event that had one. */
  readonly lastId: string | undefined
  /** The wait before a reconnection that the server asked for, in milliseconds. */
  readonly retryMs: number | undefined
}

/** Options of {@link readEvents}. */
export interface EventStreamOptions {
  /** The largest number of characters of an event. */
  readonly most: number
  /**
   * Whether every line counts, comments and empty ones included, from one event with data to the next. Default: only
   * the data that is kept.
   */
  readonly everyLine?: boolean
  /** Makes the error for more. */
  readonly tooLong: () => Error
  /** Ends the reading. */
  readonly signal: AbortSignal
}

/** Milliseconds after which other work has its turn. */
const turnMs = 5

/**
 * Reads Server-Sent Events. An event without data is also returned, because it can have an id.
 *
 * @throws the error of `tooLong`; the error of the stream when it breaks off; the reason of the signal.
 */
export async function* readEvents(
  body: ReadableStream<Uint8Array>,
  options: EventStreamOptions,
): AsyncGenerator<StreamEvent, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const { signal } = options
  const event = createEvent(options)
  /**
   * The text behind the last complete line. It is put together when a line ends in it: a server may send single bytes.
   */
  let parts: string[] = []
  const add = (text: string): void => {
    parts.push(text)
    event.begin(text.length)
  }
  const turn = createTurns(turnMs)
  try {
    for (;;) {
      // A server that sends faster than its events are read would keep the process from all other work.
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
  // One search for both: a search for each would read the whole text again for every line.
  const ends = /\r\n?|\n/g
  ends.lastIndex = start
  const found = ends.exec(text)
  if (found === null || (found[0] === '\r' && ends.lastIndex === text.length && !isLast)) return undefined
  return { end: found.index, next: ends.lastIndex }
}

/** Collects the lines of an event. `begin` counts characters of a line that has not ended. */
function createEvent({ most, everyLine = false, tooLong }: EventStreamOptions): {
  take(line: string): StreamEvent | undefined
  begin(characters: number): void
} {
  let type = ''
  let data: string[] = []
  let length = 0
  let begun = 0
  let lastId: string | undefined
  let retryMs: number | undefined
  function count(): void {
    if (length + begun > most) throw tooLong()
  }
  return {
    begin(characters) {
      begun += characters
      count()
    },
    take(line) {
      begun = 0
      const colon = line.indexOf(':')
      const field = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1))
      if (everyLine) length += line.length + 1
      else if (field === 'data') length += value.length + 1
      count()
      if (line === '') {
        const text = data.length === 0 ? undefined : data.join('\n')
        const event = { type: type === '' ? 'message' : type, data: text, lastId, retryMs }
        if (!everyLine || text !== undefined) length = 0
        type = ''
        data = []
        return event
      }
      if (field === 'data') data.push(value)
      if (field === 'event') type = value
      if (field === 'id' && !value.includes('\0')) lastId = value
      if (field === 'retry' && /^\d{1,9}$/.test(value)) retryMs = Number(value)
      return undefined
    },
  }
}
