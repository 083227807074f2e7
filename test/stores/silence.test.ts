import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type SilenceWatch, watchSilence } from '../../src/stores/silence.ts'

let connection: object | undefined
let reports: number[]
let watch: SilenceWatch

/** The time since the beginning, at which reports are noted. */
async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] })
  const start = performance.now()
  connection = {}
  reports = []
  watch = watchSilence({
    limitMs: 400,
    mostMs: 800,
    connection: () => connection,
    onSilence: () => reports.push(performance.now() - start),
  })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('STO-13 a watch for silence', () => {
  it('reports nothing while answers arrive, although one request waits', async () => {
    watch.sent()
    for (let times = 0; times < 20; times++) {
      const ended = watch.sent()
      await pass(100)
      ended(true)
    }
    expect(reports).toEqual([])
  })

  it('reports nothing while no request waits', async () => {
    watch.sent()(true)
    await pass(10_000)
    expect(reports).toEqual([])
  })

  it('reports silence after the limit, and again after the doubled limit, up to the longest', async () => {
    watch.sent()
    await pass(4_000)
    const gaps = reports.map((time, at) => time - (reports[at - 1] ?? 0))
    expect(reports.length).toBeGreaterThan(3)
    expect(gaps[0]).toBeGreaterThanOrEqual(399)
    expect(gaps[0]).toBeLessThanOrEqual(460)
    for (const gap of gaps.slice(1)) {
      expect(gap).toBeGreaterThanOrEqual(799)
      expect(gap).toBeLessThanOrEqual(860)
    }
  })

  it('counts from the first request that waits, however long nothing was asked before', async () => {
    watch.sent()(true)
    await pass(5_000)
    const ended = watch.sent()
    await pass(300)
    ended(true)
    await pass(5_000)
    expect(reports).toEqual([])
  })

  it('reports a request that timed out, if nothing was heard since it was sent', async () => {
    for (const heard of [false, true]) {
      reports.length = 0
      const ended = watch.sent()
      await pass(1)
      const other = watch.sent()
      await pass(300)
      other(heard)
      ended(false)
      await pass(100)
      expect(reports.length > 0).toBe(!heard)
    }
  })

  it('follows a slow server: the limit is at least twice the time of the last answer', async () => {
    const slow = watch.sent()
    await pass(390)
    slow(true)
    const next = watch.sent()
    await pass(700)
    next(true)
    expect(reports).toEqual([])
    watch.sent()(true)
    watch.sent()
    await pass(500)
    expect(reports).toHaveLength(1)
  })

  it('does not count the time without a connection, or that of another one', async () => {
    watch.sent()
    await pass(100)
    connection = undefined
    await pass(3_000)
    connection = {}
    await pass(300)
    connection = {}
    await pass(300)
    expect(reports).toEqual([])
    await pass(200)
    expect(reports).toHaveLength(1)
  })
})
