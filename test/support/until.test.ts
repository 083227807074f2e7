import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from './until.ts'

describe('a wait for a condition', () => {
  let inVain: Promise<void>
  let looks = 0

  it('looks until it holds, also with fake timers and with a promise', async () => {
    vi.useFakeTimers()
    try {
      let left = 3
      await until(async () => --left === 0)
      expect(left).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  it('may be in vain', async () => {
    inVain = until(() => ++looks === 0)
    inVain.catch(() => undefined)
    await until(() => looks > 1)
  })

  it('does not go on after its test', async () => {
    await expect(inVain).rejects.toThrow('the test has ended while it waited')
    const before = looks
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(looks).toBe(before)
  })

  // A hook has no end of a test.
  beforeAll(() => until(() => true))
  afterAll(() => until(() => true))
})
