import { afterEach, describe, expect, it } from 'vitest'
import { ArgumentError, StoreError } from '../../src/errors.ts'
import {
  type PollSecurityEventsOptions,
  pollSecurityEvents,
} from '../../src/revocation-sources/security-events/poll-security-events.ts'
import { until } from '../support/until.ts'
import { claims, receive, sign } from './security-events.ts'
import { serveFetch } from './serve.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Poll {
  readonly maxEvents: number
  readonly returnImmediately: boolean
  readonly ack: readonly string[]
  readonly setErrs?: Readonly<Record<string, { readonly err: string; readonly description: string }>>
}

/** A transmitter that keeps each token until it is acknowledged or refused, as RFC 8936 requires. */
async function transmitter() {
  const kept = new Map<string, string>()
  const polls: Poll[] = []
  const served = await serveFetch(async (request) => {
    if (request.headers.get('authorization') !== 'Bearer right') return new Response('no', { status: 401 })
    if (request.headers.get('content-type') !== 'application/json') return new Response('no', { status: 415 })
    const poll = (await request.json()) as Poll
    const unknown = Object.keys(poll).filter((name) => !/^(maxEvents|returnImmediately|ack|setErrs)$/.test(name))
    if (unknown.length > 0) return new Response('no', { status: 400 })
    polls.push(poll)
    for (const id of [...poll.ack, ...Object.keys(poll.setErrs ?? {})]) kept.delete(id)
    const sets = Object.fromEntries([...kept].slice(0, poll.maxEvents))
    const moreAvailable = kept.size > poll.maxEvents
    return Response.json({ sets, ...(moreAvailable && { moreAvailable }), further: 1 })
  })
  closing.push(served.close)
  return { kept, polls, url: served.url }
}

function poll(options: PollSecurityEventsOptions) {
  const polling = pollSecurityEvents({
    headers: async () => ({ authorization: 'Bearer right' }),
    intervalMs: 5,
    maxRetryMs: 5,
    ...options,
  })
  closing.push(polling.close)
  return polling
}

describe('polling of security events', () => {
  it('RVK-45 acknowledges tokens that were processed, and reports refusals', async () => {
    const { kept, polls, url } = await transmitter()
    for (const id of ['1', '2', '__proto__']) kept.set(id, await sign(claims(id, id === '2' ? { aud: 'other' } : {})))
    const { isRevoked, ...receiver } = receive()
    const polling = poll({ url, receiver, maxEvents: 2 })
    await until(() => polling.ageSeconds() < 60 && kept.size === 0)
    expect(isRevoked()).toBe(true)
    expect(polls.slice(0, 3)).toMatchObject([
      { maxEvents: 2, returnImmediately: false, ack: [] },
      { ack: ['1'], setErrs: { '2': { err: 'invalid_audience' } } },
      { ack: ['__proto__'] },
    ])
    expect(polls[0]).not.toHaveProperty('setErrs')
  })

  it('RVK-45 pauses after a response without a new token, however often the transmitter sends one [attack 87]', async () => {
    const token = await sign(claims('1'))
    const again = { 1: token }
    const endless: readonly (readonly [object, number])[] = [
      [{ sets: {}, moreAvailable: true }, 1],
      [{ sets: { x: 'junk' }, moreAvailable: true }, 1],
      [{ sets: { x: 'junk' } }, 1],
      // The first time it is new.
      [{ sets: again, moreAvailable: true }, 2],
    ]
    for (const [response, most] of endless) {
      let asked = 0
      const { isRevoked: _, ...receiver } = receive()
      const fetch = async (): Promise<Response> => {
        asked += 1
        await new Promise((resolve) => setImmediate(resolve))
        return Response.json(response)
      }
      const polling = poll({ url: 'https://idp.example/events', receiver, fetch, intervalMs: 60_000 })
      await until(() => asked === most)
      // Many turns: without a pause there would be as many requests.
      for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
      expect(asked).toBe(most)
      await polling.close()
    }
  })

  it('RVK-45 neither acknowledges nor reports a token that could not be processed', async () => {
    const { kept, polls, url } = await transmitter()
    kept.set('1', await sign(claims('1')))
    let isDown = true
    const errors: unknown[] = []
    const { isRevoked, ...receiver } = receive({
      processed: {
        has: () => {
          if (isDown) throw new Error('down')
          return false
        },
        add: () => undefined,
      },
    })
    const polling = poll({ url, receiver, onError: (error) => errors.push(error) })
    await until(() => errors.length > 2)
    expect([kept.size, isRevoked(), polling.ageSeconds()]).toEqual([1, false, Number.POSITIVE_INFINITY])
    expect(polls.every(({ ack, setErrs }) => ack.length === 0 && setErrs === undefined)).toBe(true)
    isDown = false
    await until(() => kept.size === 0)
    expect(isRevoked()).toBe(true)
  })

  it.each<[string, () => Response | Promise<Response>]>([
    ['another status', () => Response.json({ sets: {} }, { status: 202 })],
    ['another type', () => new Response('{"sets":{}}')],
    ['text', () => new Response('a', { headers: { 'content-type': 'application/json' } })],
    ['null', () => Response.json(null)],
    ['no sets', () => Response.json({})],
    ['a list of sets', () => Response.json({ sets: ['a'] })],
    ['a set that is an object', () => Response.json({ sets: { a: {} } })],
    ['a string for `moreAvailable`', () => Response.json({ sets: {}, moreAvailable: 'no' })],
    ['too many characters', () => Response.json({ sets: { a: 'a'.repeat(6_900_000) } })],
    ['nothing', () => new Promise<never>(() => undefined)],
  ])('RVK-45 continues after a response with %s', async (_, respond) => {
    let asked = 0
    const errors: unknown[] = []
    const polling = poll({
      url: 'https://idp.example/events',
      receiver: receive(),
      timeoutMs: 500,
      fetch: async () => (asked++ === 0 ? respond() : Response.json({ sets: {} })),
      onError: (error) => errors.push(error),
    })
    await until(() => asked > 1 && Number.isFinite(polling.ageSeconds()))
    expect(errors).toEqual([expect.any(StoreError)])
  })

  it('ends while the transmitter waits', async () => {
    const signals: (AbortSignal | null | undefined)[] = []
    const polling = poll({
      url: 'https://idp.example/events',
      receiver: receive(),
      fetch: (_, { signal }) => {
        signals.push(signal)
        return new Promise<never>(() => undefined)
      },
    })
    await until(() => signals.length === 1)
    await polling.close()
    expect(signals[0]?.aborted).toBe(true)
  })

  it('refuses an address without encryption, or with a password', () => {
    const options = { receiver: receive() }
    for (const url of ['http://idp.example', 'https://a:b@idp.example', 'idp.example']) {
      expect(() => pollSecurityEvents({ ...options, url })).toThrow(ArgumentError)
    }
  })
})
