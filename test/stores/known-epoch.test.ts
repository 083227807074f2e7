import { describe, expect, it } from 'vitest'
import { StoreError } from '../../src/errors.ts'
import { atKnownEpoch, knownEpoch } from '../../src/stores/known-epoch.ts'

describe('RPL-08 the epoch that a process knows', () => {
  it('is asked for once, and again after a failure', async () => {
    const answers = [Promise.reject(new Error('down')), Promise.resolve(7)]
    let asked = 0
    const epoch = knownEpoch(async () => answers[asked++])
    const first = [epoch.read(), epoch.read()]
    expect(await Promise.allSettled(first)).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }])
    expect(asked).toBe(1)
    expect(await Promise.all([epoch.read(), epoch.read()])).toEqual([7, 7])
    expect(await epoch.read()).toBe(7)
    expect(asked).toBe(2)
  })

  it('is sent with a claim, and the present one where the server corrects it', async () => {
    const sent: number[] = []
    const epoch = knownEpoch<number>(async () => 1)
    const claim = (): Promise<string> =>
      atKnownEpoch(epoch, async (known) => {
        sent.push(known)
        if (known === 2) return 'claimed'
        epoch.correct(2)
        return undefined
      })
    expect(await claim()).toBe('claimed')
    expect(await claim()).toBe('claimed')
    expect(sent).toEqual([1, 2, 2])
  })

  it('ends a claim whose epoch changes each time, after three attempts', async () => {
    let sent = 0
    const epoch = knownEpoch<number>(async () => 0)
    const claim = atKnownEpoch(epoch, async (known) => {
      sent += 1
      epoch.correct(known + 1)
      return undefined
    })
    await expect(claim).rejects.toThrow(StoreError)
    expect(sent).toBe(3)
  })

  it.each([Number.NaN, 'epoch', undefined, Number.POSITIVE_INFINITY])(
    'is asked for again after an answer that is not a time: %s',
    async (malformed) => {
      const answers = [malformed, 7]
      const epoch = knownEpoch<unknown>(async () => answers.shift())
      await expect(epoch.read()).rejects.toThrow(StoreError)
      expect(await epoch.read()).toBe(7)
      expect(() => epoch.correct(malformed)).toThrow(StoreError)
      expect(await epoch.read()).toBe(7)
    },
  )
})
