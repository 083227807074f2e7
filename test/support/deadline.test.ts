import { describe, expect, it } from 'vitest'
import { withinDeadline } from '../../src/support/deadline.ts'
import { isConfidential } from '../../src/support/loopback.ts'
import { isPromiseLike } from '../../src/support/promise.ts'

const hang = (): Promise<never> => new Promise(() => undefined)

describe('withinDeadline', () => {
  it('returns the value of the task, and rejects with its error', async () => {
    expect(await withinDeadline(5_000, {}, () => 7)).toBe(7)
    const failing = (): never => {
      throw new RangeError('no')
    }
    await expect(withinDeadline(5_000, {}, failing)).rejects.toThrow(RangeError)
  })

  it('ends the wait at the deadline, whether or not the task listens, and aborts its signal', async () => {
    let given: AbortSignal | undefined
    const task = (signal: AbortSignal): Promise<never> => {
      given = signal
      return hang()
    }
    const reason = new RangeError('late')
    await expect(withinDeadline(5, { reason: () => reason }, task)).rejects.toBe(reason)
    expect(given?.reason).toBe(reason)
    await expect(withinDeadline(5, {}, hang)).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  it('ends the wait with a signal, and does not begin a task for one that is already aborted', async () => {
    const controller = new AbortController()
    const waiting = withinDeadline(5_000, { signals: [undefined, controller.signal] }, hang)
    controller.abort('stop')
    await expect(waiting).rejects.toBe('stop')
    let begun = false
    const begin = (): void => {
      begun = true
    }
    await expect(withinDeadline(5_000, { signals: [controller.signal] }, begin)).rejects.toBe('stop')
    expect(begun).toBe(false)
  })
})

describe('isPromiseLike', () => {
  it('is true for objects and functions with a method `then`, and for no other value', () => {
    // biome-ignore lint/suspicious/noThenProperty: a foreign promise is what is meant
    const thenable = Object.assign(() => undefined, { then: () => undefined })
    // biome-ignore lint/suspicious/noThenProperty: a foreign promise is what is meant
    for (const value of [hang(), { then: () => undefined }, thenable]) expect(isPromiseLike(value)).toBe(true)
    // biome-ignore lint/suspicious/noThenProperty: a value that looks like a promise
    for (const value of [undefined, null, 'then', 7, {}, { then: 7 }]) expect(isPromiseLike(value)).toBe(false)
  })
})

describe('isConfidential', () => {
  it('is true for https, and for http to this machine alone', () => {
    for (const url of ['https://a.test', 'http://localhost:1', 'http://127.0.0.1', 'http://[::1]:8080'])
      expect.soft(isConfidential(new URL(url)), url).toBe(true)
    for (const url of ['http://a.test', 'http://localhost.a.test', 'http://127.0.0.2', 'ftp://localhost', 'ws://[::1]'])
      expect.soft(isConfidential(new URL(url)), url).toBe(false)
  })
})
