import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readEvents, type StreamEvent } from '../../src/support/event-stream.ts'
import { shortRuns } from '../property/runs.ts'

/** Reads a text whose bytes arrive in chunks of these lengths, in turn. */
async function eventsOf(text: string, lengths: readonly number[]): Promise<readonly StreamEvent[]> {
  const bytes = new TextEncoder().encode(text)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const end = at + (lengths[turn % lengths.length] ?? bytes.length)
        controller.enqueue(bytes.slice(at, end))
        at = end
      }
      controller.close()
    },
  })
  const options = { most: 1 << 24, tooLong: () => new Error('too long'), signal: new AbortController().signal }
  const events: StreamEvent[] = []
  for await (const event of readEvents(body, options)) events.push(event)
  return events
}

/** The events of a whole text, line by line, as WHATWG HTML, 9.2.6, describes them. */
function expected(text: string): readonly Partial<StreamEvent>[] {
  const events: Partial<StreamEvent>[] = []
  let [type, data, lastId] = ['', [] as string[], undefined as string | undefined]
  for (const line of text
    .replace(/^\ufeff/, '')
    .split(/\r\n|\r|\n/)
    .slice(0, -1)) {
    if (line === '') {
      events.push({ type: type || 'message', data: data.length === 0 ? undefined : data.join('\n'), lastId })
      ;[type, data] = ['', []]
    }
    const [, field = line, value = ''] = /^([^:]*): ?(.*)$/u.exec(line) ?? []
    if (field === 'data') data.push(value)
    if (field === 'event') type = value
    if (field === 'id') lastId = value
  }
  return events
}

describe('an event stream', () => {
  const parts = fc.constantFrom(
    '\r',
    '\n',
    '\r\n',
    '\n\n',
    'data: a',
    'data:',
    'data',
    'id: 7',
    'event: x',
    ':',
    'é',
    '\ufeff',
  )
  const { title, ...runs } = shortRuns(4_000)

  it(`is the same wherever its bytes are split (${title})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(parts, { maxLength: 14 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
        async (some, lengths) => {
          const text = some.join('')
          expect(await eventsOf(text, lengths)).toMatchObject(expected(text))
        },
      ),
      runs,
    )
  })

  it.each(['\n', '\r', '\r\n'])('of a million lines that end in %j is read line by line', async (end) => {
    expect(await eventsOf(`${`:${end}`.repeat(1_000_000)}data: last${end}${end}`, [1 << 24])).toMatchObject([
      { data: 'last' },
    ])
  })
})
