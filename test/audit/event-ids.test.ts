import { afterEach, describe, expect, it, vi } from 'vitest'
import { newEventId } from '../../src/audit/events/event.ts'
import { createEventIds } from '../../src/audit/events/event-ids.ts'

afterEach(() => vi.restoreAllMocks())

describe('the ids of a guard', () => {
  it('have the form of `newEventId`, and differ', () => {
    const ids = createEventIds()
    const made = Array.from({ length: 2_000 }, ids)
    expect(new Set(made).size).toBe(2_000)
    for (const id of [...made, newEventId()]) expect(id).toMatch(/^[0-9a-f]{32}$/)
  })

  it('contain each random bit once, and overwrite the bytes that were used', () => {
    const pools: Uint32Array[] = []
    const given: string[] = []
    vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => {
      const pool = array as unknown as Uint32Array
      pool.forEach((_, index) => {
        pool[index] = (pools.length * pool.length + index) * 4_000_037
      })
      for (let index = 0; index < pool.length; index += 4) {
        given.push([...pool.subarray(index, index + 4)].map((word) => word.toString(16).padStart(8, '0')).join(''))
      }
      if (!pools.includes(pool)) pools.push(pool)
      return array
    })
    const ids = createEventIds()
    expect(pools).toEqual([])
    const made = Array.from({ length: 256 }, ids)
    expect(made).toEqual(given)
    expect(pools.map((pool) => [pool.byteLength, pool.some((word) => word !== 0)])).toEqual([[4_096, false]])
    expect(ids()).toBe(given[256])
    expect(pools[0]?.subarray(0, 5)).toEqual(Uint32Array.of(0, 0, 0, 0, pools[0]?.[4] as number))
  })

  it('are of a pool of their own: two sources share no byte', () => {
    const [one, other] = [createEventIds(), createEventIds()]
    const made = Array.from({ length: 300 }, () => [one(), other()]).flat()
    expect(new Set(made).size).toBe(600)
  })
})
