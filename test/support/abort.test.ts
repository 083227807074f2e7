import { getEventListeners } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { unlessAborted } from '../../src/support/abort.ts'
import { startDeadline } from '../../src/support/deadline.ts'

const left = new Error('the caller left')
const fails = (): Promise<never> => Promise.reject(new Error('the work failed'))
const failsLater = async (): Promise<never> => {
  await wait(2)
  return fails()
}

describe('unlessAborted', () => {
  it('settles as the work does, and leaves no listener on the signal', async () => {
    const { signal } = new AbortController()
    for (const given of [undefined, signal]) {
      expect(await unlessAborted(Promise.resolve(1), given)).toBe(1)
      expect(await unlessAborted(async () => 2, given)).toBe(2)
      await expect(unlessAborted(fails(), given)).rejects.toThrow('the work failed')
      await expect(unlessAborted(fails, given)).rejects.toThrow('the work failed')
    }
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('takes a function that throws at once for one that rejects', async () => {
    const thrown = new TypeError('at once')
    const throws = (): never => {
      throw thrown
    }
    const { signal } = new AbortController()
    await expect(unlessAborted(throws, undefined)).rejects.toBe(thrown)
    await expect(unlessAborted(throws, signal)).rejects.toBe(thrown)
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  it('gives up when the signal fires, and leaves no listener when the work never ends', async () => {
    const controller = new AbortController()
    const never = unlessAborted(new Promise(() => undefined), controller.signal)
    controller.abort(left)
    await expect(never).rejects.toBe(left)
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
  })

  it('leaves no rejection unhandled that comes when it has given up', async () => {
    const controller = new AbortController()
    const late = unlessAborted(failsLater(), controller.signal)
    controller.abort(left)
    await expect(late).rejects.toBe(left)
    // The signal has fired before, so the work is not awaited.
    await expect(unlessAborted(failsLater(), controller.signal)).rejects.toBe(left)
    await expect(unlessAborted(fails(), controller.signal)).rejects.toBe(left)
    await wait(10)
  })

  it('does not begin work for a signal that has fired', async () => {
    let begun = 0
    const begin = async (): Promise<number> => (begun += 1)
    await expect(unlessAborted(begin, AbortSignal.abort(left))).rejects.toBe(left)
    expect(begun).toBe(0)
    expect(await unlessAborted(begin, undefined)).toBe(1)
  })
})

describe('startDeadline', () => {
  it('fires when time is up, with a reason of its own', async () => {
    const usual = startDeadline([], 1)
    const own = startDeadline([undefined], 1, () => left)
    await wait(10)
    expect(usual.signal.reason).toMatchObject({ name: 'TimeoutError' })
    expect(own.signal.reason).toBe(left)
  })

  it('fires with the first of its signals, and leaves no listener at any of them', () => {
    const [one, two] = [new AbortController(), new AbortController()]
    const signals = [one.signal, undefined, two.signal]
    const listeners = (): number[] => [one, two].map(({ signal }) => getEventListeners(signal, 'abort').length)
    const deadline = startDeadline(signals, 60_000)
    deadline.clear()
    expect(listeners()).toEqual([1, 1])
    two.abort(left)
    expect(deadline.signal.reason).toBe(left)
    deadline.end()
    expect(listeners()).toEqual([0, 0])
    const late = startDeadline(signals, 60_000)
    late.end()
    expect([late.signal.reason, ...listeners()]).toEqual([left, 0, 0])
  })

  it('follows no signal after its end', async () => {
    const controller = new AbortController()
    const deadline = startDeadline([controller.signal], 1)
    deadline.end()
    controller.abort(left)
    await wait(10)
    expect(deadline.signal.aborted).toBe(false)
  })
})
