import { Duplex, Readable } from 'node:stream'
import { sampleDenials } from 'procura/audit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createApiFront } from '../../../src/gateway/serve/api/api-front.ts'
import { untilAway } from '../../../src/gateway/serve/api/call-taker.ts'
import { type AwayRefusal, breakingOff, pendingRequest } from '../../../src/gateway/serve/api/pending-request.ts'

/** A connection whose client sends `sent`, and keeps its own end open unless `ends`. */
function connection(sent: string, ends = true) {
  let written = ''
  const socket = new Duplex({
    read() {},
    write(chunk, _, done) {
      written += String(chunk)
      done()
    },
  })
  socket.push(sent)
  if (ends) socket.push(null)
  const closed = new Promise<void>((resolve) => socket.once('close', resolve))
  return { socket: socket as never, closed, written: () => written, destroy: () => void socket.destroy() }
}

/** A request whose record is up to the test. */
function setUp(client: ReturnType<typeof connection>) {
  const records: AwayRefusal[] = []
  let confirm = (): void => undefined
  const record = (refusal: AwayRefusal): Promise<void> => {
    records.push(refusal)
    return new Promise((resolve) => {
      confirm = resolve
    })
  }
  return { pending: pendingRequest(client.socket, () => undefined, record), records, confirm: () => confirm() }
}

const settled = (work: Promise<unknown>): Promise<unknown> =>
  Promise.race([
    work.then(() => 'done'),
    new Promise((resolve) => setImmediate(() => setImmediate(() => resolve('waits')))),
  ])

describe('a request to an API before its call is decided', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  it('is turned away once: one record, and then one answer [GTW-71]', async () => {
    const client = connection('unread')
    const { pending, records, confirm } = setUp(client)
    const [first, second] = [pending.turnAway('overloaded'), pending.turnAway('closed')]
    expect([await settled(second), await settled(first), client.written()]).toEqual(['done', 'waits', ''])
    expect([pending.begin(), pending.away.aborted]).toEqual([false, true])
    confirm()
    // The rest of the request is read, so the connection ends without a time limit.
    await first
    expect(records).toEqual([{ code: 'overloaded', requirement: 'GTW-71' }])
    expect(client.written().match(/^HTTP\/1\.1 503 /gm)).toHaveLength(1)
    expect(client.written()).toContain('it was not executed')
  })

  it('is closed without an answer or a record when its call is decided already [GTW-71]', async () => {
    const client = connection('', false)
    const { pending, records } = setUp(client)
    expect(pending.begin()).toBe(true)
    await pending.turnAway('closed')
    await client.closed
    expect([records, client.written(), pending.away.aborted]).toEqual([[], '', false])
  })

  it('gets no answer when its client leaves during the record, and nothing waits for it [GTW-71]', async () => {
    const client = connection('', false)
    const { pending, confirm } = setUp(client)
    const away = pending.turnAway('deadline_exceeded')
    client.destroy()
    await client.closed
    confirm()
    expect([await settled(away), client.written()]).toEqual(['done', ''])
  })

  it('is closed after a moment when its client keeps its end open [GTW-71]', async () => {
    const client = connection('', false)
    const { pending, confirm } = setUp(client)
    const away = pending.turnAway('closed')
    confirm()
    expect(await settled(away)).toBe('waits')
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await settled(away)).toBe('done')
  })

  it('has a body that breaks off for its handler, and whose rest is read [GTW-71]', async () => {
    const away = new AbortController()
    const request = new Readable({ read() {} })
    const { [Symbol.asyncIterator]: chunks } = breakingOff(request as never, away.signal)
    request.push('a')
    const body = chunks.call(request)
    expect(String((await body.next()).value)).toBe('a')
    const next = body.next()
    away.abort()
    await expect(next).rejects.toThrow()
    let isEnded = false
    request.once('end', () => {
      isEnded = true
    })
    for (const chunk of ['b', 'c', null]) {
      request.push(chunk)
      await new Promise(setImmediate)
    }
    expect(isEnded).toBe(true)
  })

  it('reaches no service when it was turned away before the call [GTW-71]', async () => {
    let calls = 0
    const taker = { call: async () => calls++, revoke: () => undefined, isAsked: () => false, isRefused: () => false }
    for (const [isFirst, expected] of [
      [false, 0],
      [true, 1],
    ] as const) {
      await untilAway({ begin: () => isFirst }, taker as never).call('container')
      expect(calls).toBe(expected)
    }
  })
})

describe('a connection for an API', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  /** A front whose calls end when the test ends them. */
  function open() {
    const ends: (() => void)[] = []
    const service = {
      call: (_: unknown, { admit }: { readonly admit: (caller: object) => boolean }) =>
        new Promise((resolve) => {
          admit({ principals: ['did:key:agent'] })
          ends.push(() => resolve({ allowed: true, recorded: true, value: new Response('done') }))
        }),
      revoke: () => undefined,
    }
    const config = { origin: 'https://api.example' }
    const current = {
      apis: new Map([['crm', config]]),
      audience: 'did:key:gateway',
      sink: { append: () => undefined },
      service,
    }
    const front = createApiFront({
      ...{
        supply: { current: () => current } as never,
        dryRun: false,
        sampler: sampleDenials(),
        onEvent: () => undefined,
      },
      mostUndecided: 4,
    })
    const client = connection('', false)
    front.enter(client.socket)
    front.take(client.socket, 'crm')
    const send = async (bytes: string, isDone: () => boolean): Promise<void> => {
      ;(client.socket as Duplex).push(bytes)
      await vi.waitUntil(isDone)
    }
    return { client, ends, send }
  }
  const request = 'GET /a HTTP/1.1\r\nHost: api.example\r\nX-UCAN-Container: Babc\r\n\r\n'

  it('is answered after a minute without a request [GTW-71]', async () => {
    const { client } = open()
    await vi.advanceTimersByTimeAsync(59_999)
    expect(client.written()).toBe('')
    await vi.advanceTimersByTimeAsync(1)
    await vi.waitUntil(() => client.written() !== '')
    expect(client.written()).toContain('"deadline_exceeded"')
  })

  it('has no time limit of its own when the call is decided [GTW-71]', async () => {
    const { client, ends, send } = open()
    await send(request, () => ends.length === 1)
    await vi.advanceTimersByTimeAsync(120_000)
    ends[0]?.()
    await vi.waitUntil(() => client.written().includes('done'))
    expect(client.written()).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('is closed without an answer when bytes follow its request: one could be taken for the response [GTW-61]', async () => {
    const { client, ends, send } = open()
    await send(request, () => ends.length === 1)
    await send('no request\r\n\r\n', () => (client.socket as Duplex).destroyed)
    expect(client.written()).toBe('')
  })
})
