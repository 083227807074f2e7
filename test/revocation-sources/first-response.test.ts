import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { firstResponse } from '../../src/revocation-sources/feed/first-response.ts'

/** A request that a test answers by hand. */
interface Sent {
  readonly signal: AbortSignal
  readonly answer: (response: Response) => void
  readonly fail: (cause: unknown) => void
}

let sent: Sent[]
let limit: AbortController
let closing: AbortController

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  limit = new AbortController()
  closing = new AbortController()
})
afterEach(() => {
  vi.useRealTimers()
})

function send(signal: AbortSignal): Promise<Response> {
  return new Promise((answer, fail) => {
    sent.push({ signal, answer, fail })
    signal.addEventListener('abort', () => fail(signal.reason))
  })
}

/** The first response, or its error. */
function ask(): Promise<unknown> {
  return firstResponse(send, limit.signal, closing.signal).catch((error: unknown) => error)
}

/** Which of the requests were ended. */
function ended(): readonly boolean[] {
  return sent.map(({ signal }) => signal.aborted)
}

describe('RVK-27 the first response of several requests', () => {
  it('is that of one request, if it arrives soon', async () => {
    const response = new Response('a')
    const answer = ask()
    await vi.advanceTimersByTimeAsync(700)
    sent[0]?.answer(response)
    expect(await answer).toBe(response)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(ended()).toEqual([false])
    closing.abort()
    expect(ended()).toEqual([true])
  })

  it('is that of a later request, if the first ones hang; they are ended', async () => {
    const response = new Response('b')
    const answer = ask()
    await vi.advanceTimersByTimeAsync(1_700)
    expect(sent).toHaveLength(3)
    sent[1]?.answer(response)
    expect(await answer).toBe(response)
    expect(ended()).toEqual([true, false, true])
  })

  it('is awaited although another request fails', async () => {
    const response = new Response('c')
    const answer = ask()
    await vi.advanceTimersByTimeAsync(900)
    sent[1]?.fail(new Error('refused'))
    await vi.advanceTimersByTimeAsync(100)
    sent[0]?.answer(response)
    expect(await answer).toBe(response)
  })

  it('is an error at once when no request is left', async () => {
    const answer = ask()
    await vi.advanceTimersByTimeAsync(100)
    sent[0]?.fail(new Error('refused'))
    expect(await answer).toEqual(new Error('refused'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(sent).toHaveLength(1)
  })

  it('ends all requests at the limit, and sends no further one', async () => {
    const answer = ask()
    await vi.advanceTimersByTimeAsync(4_100)
    limit.abort(new Error('too late'))
    expect(await answer).toEqual(new Error('too late'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(ended()).toEqual(Array.from({ length: 6 }, () => true))
  })

  it('has at most three requests under way, and leaves the first one to a slow server', async () => {
    const response = new Response('d')
    const answer = ask()
    for (let time = 0; time < 11_900; time += 100) {
      await vi.advanceTimersByTimeAsync(100)
      expect(ended().filter((isEnded) => !isEnded).length).toBeLessThanOrEqual(3)
    }
    expect(sent.length).toBeGreaterThan(10)
    sent[0]?.answer(response)
    expect(await answer).toBe(response)
    expect(ended()).toEqual(sent.map((_, at) => at > 0))
  })

  it('leaves the body of a slower one unread, although it does not follow its signal', async () => {
    const slow = new Response('slow')
    const fast = new Response('fast')
    let late: ((response: Response) => void) | undefined
    let requests = 0
    const answer = firstResponse(
      () => {
        requests += 1
        return requests === 1
          ? new Promise((resolve) => {
              late = resolve
            })
          : Promise.resolve(fast)
      },
      limit.signal,
      closing.signal,
    )
    await vi.advanceTimersByTimeAsync(900)
    expect(await answer).toBe(fast)
    late?.(slow)
    await vi.advanceTimersByTimeAsync(1)
    expect(await slow.body?.getReader().read()).toEqual({ done: true, value: undefined })
  })
})
