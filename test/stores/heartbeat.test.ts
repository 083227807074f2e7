import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { keepAsking } from '../../src/stores/heartbeat.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** Begins to ask, and notes how it ends. */
function begin(ask: () => Promise<unknown>) {
  const listening = new AbortController()
  const asked: { ended?: unknown } = {}
  void keepAsking(ask, 1_000, listening.signal).then(
    () => (asked.ended = 'resolved'),
    (error: unknown) => (asked.ended = error),
  )
  return { asked, listening }
}

describe('RVK-33 a connection that listens', () => {
  it('is asked every second, and is given up when an answer is missing for a second', async () => {
    let answers = 0
    const { asked } = begin(() => (++answers < 4 ? Promise.resolve('PONG') : new Promise(() => undefined)))
    for (let second = 1; second <= 3; second++) {
      await vi.advanceTimersByTimeAsync(1_000)
      expect([answers, asked.ended]).toEqual([second, undefined])
    }
    await vi.advanceTimersByTimeAsync(1_999)
    expect([answers, asked.ended]).toEqual([4, undefined])
    await vi.advanceTimersByTimeAsync(2)
    expect(asked.ended).toBeInstanceOf(StoreError)
    expect(String(asked.ended)).toContain('did not answer for 1000 ms')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(answers).toBe(4)
  })

  it('is given up with the error of a question that fails', async () => {
    const { asked } = begin(() => Promise.reject(new Error('connection lost')))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(String(asked.ended)).toContain('connection lost')
  })

  it('is asked no more when nobody listens, also in the middle of a question', async () => {
    let answers = 0
    const ask = (): Promise<unknown> => (++answers === 1 ? Promise.resolve() : new Promise(() => undefined))
    const idle = begin(ask)
    idle.listening.abort()
    await vi.advanceTimersByTimeAsync(0)
    expect([answers, idle.asked.ended]).toEqual([0, 'resolved'])
    const busy = begin(ask)
    await vi.advanceTimersByTimeAsync(2_500)
    expect([answers, busy.asked.ended]).toEqual([2, undefined])
    busy.listening.abort()
    await vi.advanceTimersByTimeAsync(0)
    expect(busy.asked.ended).toBe('resolved')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(answers).toBe(2)
  })
})
