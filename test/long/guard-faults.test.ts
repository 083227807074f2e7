import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, expect, it } from 'vitest'
import { callHangingSink } from '../guard/hanging-sink.ts'
import { p99, startScene, upstreamKey } from '../guard/vault-outage.ts'

const minute = 60_000

/** Figures for the person who runs the test. */
function report(figures: object): void {
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

describe('a sink that hangs', () => {
  it('AUD-05 for ten minutes costs each call its deadline, and the memory does not grow', async () => {
    const { calls, ran, codes, late, unanswered, heap } = await callHangingSink({
      seconds: 600,
      perSecond: 100,
      samples: 20,
    })
    report({ calls, late, heap: heap.map((bytes) => Math.round(bytes / 1024)) })
    expect([ran, codes, unanswered, late]).toEqual([0, ['audit_unavailable'], 1_000, 0])
    const [first = 0] = heap
    expect((heap.at(-1) ?? 0) - first).toBeLessThan(2 * 1024 * 1024)
  })
})

/** Like `test/guard/vault-outage.test.ts`, with the default settings. */
describe('a store that is away for a minute', () => {
  it.each(['errors', 'hangs', 'every other fails'] as const)(
    'VLT-13 (%s) is asked five times and then every five seconds, refusals take no time, and it is back within six [attack 82]',
    async (mode) => {
      const { setMode, asked, served, load, recovery, everything, close } = await startScene()
      await load(1_000)
      setMode(mode)
      const [before, servedBefore] = [asked(), served()]
      const loop = monitorEventLoopDelay({ resolution: 1 })
      loop.enable()
      const endings = await load(minute, 100)
      loop.disable()
      const lag = loop.percentile(99) / 1e6
      const done = endings.filter(({ code }) => code === 'done').length
      const refusals = endings.filter(({ open }) => open).map(({ ms }) => ms)
      const requests = asked() - before
      setMode('well')
      const back = await recovery()
      report({ mode, calls: endings.length, done, requests, p99: p99(refusals), lag, back })
      expect(served() - servedBefore).toBe(done + 1)
      if (mode !== 'every other fails') expect([done, requests <= 5 + 12]).toEqual([0, true])
      else expect(requests).toBeLessThanOrEqual(11 * 13)
      for (const { code } of endings) expect(['done', 'ERR_VAULT_UNAVAILABLE']).toContain(code)
      // A machine that is busy with something else makes everything wait, and that is not the refusal's.
      expect(p99(refusals)).toBeLessThan(20 + 2 * lag)
      expect(back).toBeLessThan(6_000)
      expect(everything()).not.toContain(upstreamKey)
      await close()
    },
    3 * minute,
  )
})
