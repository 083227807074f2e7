import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, expect, it, onTestFinished } from 'vitest'
import { never } from '../../src/time.ts'
import type { ResilienceOptions } from '../../src/vault/resilience/resilient.ts'
import { inCi } from '../property/runs.ts'
import { withShortStacks } from '../support/short-stacks.ts'
import { type Ending, p90, type Scene, startScene, upstreamKey } from './vault-outage.ts'

withShortStacks()

/**
 * The defaults, divided by ten or less; the long tests use the defaults. Nine in ten refusals must take at most half of
 * the time of an attempt here, and 99 in 100 at most 20 ms there. The longest delay of a busy machine is added, because
 * test files run in parallel on few cores.
 */
const scaled: ResilienceOptions = { attemptTimeoutMs: 300, failureWindowMs: 10_000, probeAfterMs: 500 }
const seconds = 2
/** Callers pause for this long after each call. */
const pauseMs = inCi ? 10 : 80

async function scene(resilience: ResilienceOptions = {}): Promise<Scene> {
  const made = await startScene({ ...scaled, ...resilience })
  onTestFinished(() => made.close())
  return { ...made, load: (milliseconds) => made.load(milliseconds, pauseMs) }
}

/**
 * Makes calls until all of a while are served. A busy machine may let some of them take longer than an attempt.
 *
 * @returns how many were not served. The source counts them as failures, too.
 */
async function untilServed({ load }: Scene): Promise<number> {
  let failed = 0
  for (;;) {
    const late = (await load(200)).filter(({ code }) => code !== 'done').length
    if (late === 0) return failed
    failed += late
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/**
 * How the calls ended, how long they took together, and the longest delay of the process meanwhile, in milliseconds.
 */
async function withLag(
  calls: () => Promise<readonly Ending[]>,
): Promise<{ readonly endings: readonly Ending[]; readonly took: number; readonly lag: number }> {
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const began = performance.now()
  const endings = await calls()
  loop.disable()
  return { endings, took: performance.now() - began, lag: loop.max / 1e6 }
}

describe('an unavailable store', () => {
  it.each(['errors', 'hangs'] as const)(
    'VLT-13 with the mode %s gets five requests and then probes; calls are refused at once, and served after its return [attack 82]',
    async (mode) => {
      const made = await scene()
      const { setMode, asked, served, load, everything } = made
      const late = await untilServed(made)
      setMode(mode)
      const [before, servedBefore] = [asked(), served()]
      const { endings, took, lag } = await withLag(async () => {
        const all = [...(await load(seconds * 1_000))]
        while (all.filter(({ open }) => open).length <= 20) all.push(...(await load(500)))
        return all
      })
      expect(new Set(endings.map(({ code }) => code))).toEqual(new Set(['ERR_VAULT_UNAVAILABLE']))
      expect(served()).toBe(servedBefore)
      const probes = Math.ceil(took / 500)
      expect(asked() - before).toBeGreaterThanOrEqual(Math.max(1, 5 - late))
      expect(asked() - before).toBeLessThanOrEqual(5 + probes)
      const refusals = endings.filter(({ open }) => open).map(({ ms }) => ms)
      expect(p90(refusals)).toBeLessThan(150 + 2 * lag)
      setMode('well')
      await untilServed(made)
      expect(everything()).not.toContain(upstreamKey)
    },
    30_000,
  )

  it('VLT-13 with every other request failing gets few requests: calls succeed with the key or are refused [attack 82]', async () => {
    const made = await scene()
    const { setMode, asked, served, load, everything } = made
    await untilServed(made)
    setMode('every other fails')
    const [before, servedBefore] = [asked(), served()]
    const { endings, took, lag } = await withLag(async () => {
      const all: Ending[] = []
      // On a busy machine the failures that open the breaker may come later.
      while (!all.some(({ code }) => code === 'ERR_VAULT_UNAVAILABLE')) all.push(...(await load(seconds * 1_000)))
      return all
    })
    const done = endings.filter(({ code }) => code === 'done').length
    expect(new Set(endings.map(({ code }) => code))).toEqual(new Set(['done', 'ERR_VAULT_UNAVAILABLE']))
    expect(served() - servedBefore).toBe(done)
    // Each time the breaker closes, five failures open it again: ten requests, and one that was in flight.
    const rounds = Math.ceil(took / 500) + 1
    expect(asked() - before).toBeLessThanOrEqual(11 * rounds)
    expect(asked() - before).toBeLessThan(endings.length / 2)
    expect(p90(endings.filter(({ open }) => open).map(({ ms }) => ms))).toBeLessThan(150 + 2 * lag)
    setMode('well')
    await untilServed(made)
    expect(everything()).not.toContain(upstreamKey)
  }, 30_000)

  it('VLT-37 returns another version: the call is refused, and no request is sent [attack 83]', async () => {
    const made = await scene()
    const { setMode, served, load, everything } = made
    await untilServed(made)
    setMode('another item')
    const before = served()
    const endings = await load(500)
    expect(new Set(endings.map(({ code }) => code))).toEqual(new Set(['ERR_VAULT_INTEGRITY']))
    expect(served()).toBe(before)
    setMode('well')
    await untilServed(made)
    expect(everything()).not.toMatch(new RegExp(`${upstreamKey}|an older key`))
  }, 30_000)

  it('VLT-35 gets one request for all simultaneous calls', async () => {
    const { asked, bao, guard, call } = await scene()
    await call()
    const before = asked()
    const endings = await Promise.all(Array.from({ length: 100 }, () => call()))
    expect(endings.every(({ code }) => code === 'done')).toBe(true)
    expect(asked() - before).toBeLessThan(20)
    expect(bao.violations).toEqual([])
    await guard.close()
  })
})

describe('a stale secret', () => {
  it('VLT-15 is used for `maxStale` seconds, and not longer [attack 82]', async () => {
    const { setMode, call, load, everything } = await scene({ maxStale: 1 })
    await call()
    expect(everything()).not.toContain('"stale"')
    setMode('errors')
    const began = performance.now()
    expect((await load(500)).every(({ code }) => code === 'done')).toBe(true)
    expect(everything().match(/"stale":true/g)?.length).toBeGreaterThan(1)
    await new Promise((resolve) => setTimeout(resolve, 1_200 - (performance.now() - began)))
    const late = await load(200)
    expect(new Set(late.map(({ code }) => code))).toEqual(new Set(['ERR_VAULT_UNAVAILABLE']))
    expect(everything()).not.toContain(upstreamKey)
  })

  it('VLT-16 is not used after a revocation of the agent, a deletion in the store, or `forget` [attack 82]', async () => {
    const { setMode, call, served, revocations, agent, source, bao } = await scene({ maxStale: 600, attempts: 1 })
    await call()
    setMode('errors')
    expect((await call()).code).toBe('done')
    const before = served()
    source.forget('crm')
    expect((await call()).code).toBe('ERR_VAULT_UNAVAILABLE')
    expect(served()).toBe(before)

    setMode('well')
    expect((await call()).code).toBe('done')
    bao.deleteKv('crm/api')
    expect((await call()).code).toBe('ERR_VAULT_UNKNOWN_REFERENCE')
    setMode('errors')
    expect((await call()).code).toBe('ERR_VAULT_UNAVAILABLE')

    setMode('well')
    bao.putKv('crm/api', { token: upstreamKey })
    expect((await call()).code).toBe('done')
    setMode('errors')
    expect((await call()).code).toBe('done')
    await revocations.add({ ids: [agent], expiration: never })
    const served_ = served()
    expect((await call()).code).toBe('revoked')
    expect(served()).toBe(served_)
  })
})
