import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { inBatches } from '../../src/stores/batches.ts'

const never = (): void => undefined

describe('requests that share round trips', () => {
  it('are all answered, each with its own answer, however many more arrive than one round trip takes', async () => {
    for (const most of [1, 2, 3, 7]) {
      const batches: number[][] = []
      const ask = inBatches<number, string>(
        async (items) => {
          batches.push([...items])
          await turn()
          return items.map((item) => `answer ${item}`)
        },
        most,
        never,
      )
      const numbers = Array.from({ length: 20 }, (_, number) => number)
      expect(await Promise.all(numbers.map((number) => ask(number)))).toEqual(
        numbers.map((number) => `answer ${number}`),
      )
      expect(batches.flat()).toEqual(numbers)
      expect(batches.map(({ length }) => length)).toEqual([
        ...Array.from({ length: Math.floor(20 / most) }, () => most),
        ...(20 % most === 0 ? [] : [20 % most]),
      ])
    }
  })

  it('of one turn fail together with their round trip, and the next ones are sent', async () => {
    const ask = inBatches<number, number>(
      async (items) => {
        if (items.includes(1)) throw new Error('reset')
        return items
      },
      2,
      never,
    )
    const answers = await Promise.allSettled([0, 1, 2, 3].map((item) => ask(item)))
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled', 'fulfilled'])
  })

  it('go on after one whose signal throws, which alone is refused', async () => {
    const ask = inBatches<number, number>(async (items) => items, 2, never)
    const signal = {
      get aborted(): boolean {
        throw new Error('hostile')
      },
    } as AbortSignal
    const answers = await Promise.allSettled([ask(0, signal), ask(1), ask(2), ask(3, signal), ask(4)])
    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(await ask(5)).toBe(5)
  })

  it('wait while two round trips are under way, unless the server is silent', async () => {
    const sent: number[] = []
    let silent = never
    const open: (() => void)[] = []
    const ask = inBatches<number, number>(
      (items) => {
        sent.push(...items)
        return new Promise((resolve) => open.push(() => resolve(items)))
      },
      1,
      (listener) => {
        silent = listener
      },
    )
    const answers = [0, 1, 2, 3, 4, 5].map((item) => ask(item))
    for (let count = 0; count < 9; count++) await turn()
    expect(sent).toEqual([0, 1])
    open.shift()?.()
    for (let count = 0; count < 9; count++) await turn()
    expect(sent).toEqual([0, 1, 2])
    silent()
    for (let count = 0; count < 9; count++) await turn()
    expect(sent).toEqual([0, 1, 2, 3, 4])
    // The answers of before the silence make no room for more.
    for (const answer of open.splice(0, 2)) answer()
    for (let count = 0; count < 9; count++) await turn()
    expect(sent).toEqual([0, 1, 2, 3, 4])
    while (open.length > 0) {
      open.shift()?.()
      await turn()
      await turn()
    }
    expect(await Promise.all(answers)).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('are not sent for a caller that no longer waits', async () => {
    const sent: number[] = []
    const ask = inBatches<number, number>(
      async (items) => {
        sent.push(...items)
        return items
      },
      10,
      never,
    )
    const leaving = new AbortController()
    const [left, other] = [ask(1, leaving.signal), ask(2, new AbortController().signal)]
    leaving.abort(new Error('gone'))
    await expect(left).rejects.toThrow('gone')
    expect([await other, sent]).toEqual([2, [2]])
  })
})
