import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter } from '../../../src/gateway/serve/limiter.ts'
import { createRate } from '../../../src/gateway/serve/rate.ts'

describe('the places of agents', () => {
  it('are a maximum for each agent, which leaves places for others [GTW-26] [attack 98]', () => {
    const places = createLimiter({ all: 96, ofOne: 32 })
    for (const holder of ['did:key:one', undefined, 'did:key:two']) {
      for (let count = 0; count < 32; count++) expect(places.take(holder)).toBeTypeOf('function')
      if (holder !== 'did:key:two') expect(places.take(holder)).toBe('share')
    }
    expect(places.take('new')).toBe('full')
  })

  it('are never more than there are, whoever takes and leaves them, and none is lost [GTW-26]', () => {
    const step = fc.record({ holder: fc.integer({ min: 0, max: 4 }), leaves: fc.boolean(), at: fc.nat() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const places = createLimiter({ all: 12, ofOne: 5 })
        const held: { readonly holder: string; readonly leave: () => void }[] = []
        for (const { holder: at, leaves, at: which } of steps) {
          const holder = String(at)
          if (leaves && held.length > 0) {
            held.splice(which % held.length, 1)[0]?.leave()
            continue
          }
          const own = held.filter((one) => one.holder === holder).length
          const leave = places.take(holder)
          if (typeof leave === 'string') expect(leave).toBe(held.length === 12 ? 'full' : 'share')
          else held.push({ holder, leave })
          expect(held.filter((one) => one.holder === holder).length).toBe(own + (typeof leave === 'string' ? 0 : 1))
          expect(held.filter((one) => one.holder === holder).length).toBeLessThanOrEqual(5)
          expect(held.length).toBeLessThanOrEqual(12)
        }
        for (const { leave } of held.splice(0)) leave()
        for (let count = 0; count < 5; count++) expect(places.take('9')).toBeTypeOf('function')
      }),
    )
  })

  it('begin 100 at once and then one in each second, of each agent and of all clients without a proof [GTW-72] [attack 81]', () => {
    let time = 5_000.5
    const places = createLimiter({ all: 96, ofOne: 32, rate: { atOnce: 100, eachMs: 1_000, now: () => time } })
    const begin = (holder: string | undefined): string => {
      const leave = places.take(holder)
      if (typeof leave === 'string') return leave
      leave()
      return 'begun'
    }
    for (const holder of [undefined, 'did:key:one', 'did:key:two'])
      expect(Array.from({ length: 102 }, () => begin(holder))).toEqual([
        ...Array<string>(100).fill('begun'),
        ...['rate', 'rate'],
      ])
    // A refused session does not delay the next one.
    for (const holder of [undefined, 'did:key:one']) {
      time += 999
      expect(begin(holder)).toBe('rate')
      time += 1
      expect([begin(holder), begin(holder)]).toEqual(['begun', 'rate'])
      time -= 1_000
    }
    // Others that begin sessions do not make it forget.
    for (let count = 0; count < 1_000; count++) begin(`did:key:${count}`)
    expect(begin('did:key:two')).toBe('rate')
    // A holder that was silent has 100 again, and no more.
    time += 1e9
    expect(Array.from({ length: 101 }, () => begin('did:key:two')).lastIndexOf('begun')).toBe(99)
  })
})

describe('the rate of requests', () => {
  it('is 100 at once, and then one after the other [GTW-70] [attack 81]', () => {
    let time = 5_000
    const rate = createRate({ atOnce: 100, eachMs: 100, now: () => time })
    const take = (count: number): readonly number[] => Array.from({ length: count }, () => rate.take())
    expect(rate.isAtRest()).toBe(true)
    expect(take(103)).toEqual([...Array<number>(100).fill(0), 100, 200, 300])
    expect([rate.isAtRest(), rate.waitMs()]).toEqual([false, 400])
    time += 1_000
    expect(take(8)).toEqual([...Array<number>(7).fill(0), 100])
    // A session that was silent has 100 again, and no more.
    time += 1e9
    expect([rate.isAtRest(), rate.waitMs()]).toEqual([true, 0])
    expect(take(101)).toEqual([...Array<number>(100).fill(0), 100])
  })

  it('is the same at each fraction of a millisecond [GTW-72]', () => {
    for (let time = 4_000; time < 5_000; time += 1.234_567_89) {
      const rate = createRate({ atOnce: 100, eachMs: 1_000, now: () => time })
      expect(
        Array.from({ length: 101 }, () => rate.take()).findIndex((wait) => wait > 0),
        String(time),
      ).toBe(100)
    }
  })
})
