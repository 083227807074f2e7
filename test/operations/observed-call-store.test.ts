import { describe, expect, it } from 'vitest'
import { StoreError, StoreFullError } from '../../src/errors.ts'
import { createMetrics } from '../../src/operations/create-metrics.ts'
import type { Meter } from '../../src/operations/meter.ts'
import { playScenario, scenarioVerdicts } from '../stores/call-store-scenario.ts'
import { storesTogether } from '../stores/stores-together.ts'

/** Metrics, and the operations of stores that they recorded. */
function recordedMetrics() {
  const seen: string[] = []
  const meter = {
    createCounter: () => ({ add: () => undefined }),
    createHistogram: () => ({
      record(_: number, attributes: Readonly<Record<string, string>>) {
        seen.push(['store', 'operation', 'outcome'].map((name) => attributes[`procura.${name}`]).join(' '))
      },
    }),
    createObservableGauge: () => ({ addCallback: () => undefined }),
  } as unknown as Meter
  return { metrics: createMetrics({ meter }), seen }
}

const question = { ids: [], claim: { key: 'a', expiration: 1e10, acceptedFrom: undefined } }

describe('OPS-02 measured stores that are asked together', () => {
  it('are still asked together, and lead to the same decisions', async () => {
    const { metrics, seen } = recordedMetrics()
    const { stores, questions } = storesTogether()
    const apart = storesTogether()
    await playScenario(apart.stores)
    expect(await playScenario(metrics.stores(stores))).toEqual(scenarioVerdicts)
    expect(questions).toHaveLength(apart.questions.length)
    expect(seen.filter((one) => one === 'callStore ask ok')).toHaveLength(questions.length)
  })

  it('are asked one by one if one of them is replaced', async () => {
    for (const name of ['revocations', 'replay', 'limitStore'] as const) {
      const { metrics, seen } = recordedMetrics()
      const { stores, questions } = storesTogether()
      expect(await playScenario(metrics.stores({ ...stores, [name]: { ...stores[name] } }))).toEqual(scenarioVerdicts)
      expect(questions).toEqual([])
      expect(seen.some((one) => one.startsWith('callStore'))).toBe(false)
    }
  })

  it('report a store that failed within an answer, and a request that failed', async () => {
    const failures = [new StoreError('down'), new StoreFullError('full')]
    const { metrics, seen } = recordedMetrics()
    for (const reason of failures) {
      const rejected = { status: 'rejected', reason }
      const none = { status: 'fulfilled', value: [] }
      for (const answer of [{ revocations: rejected }, { revocations: none, claim: rejected }]) {
        const { stores } = storesTogether(() => answer)
        expect(await metrics.stores(stores).callStore.ask(question, {})).toBe(answer)
      }
      const { stores } = storesTogether(() => Promise.reject(reason))
      await expect(metrics.stores(stores).callStore.ask(question, {})).rejects.toBe(reason)
    }
    const three = (outcome: string) => Array.from({ length: 3 }, () => `callStore ask ${outcome}`)
    expect(seen.filter((one) => one.startsWith('callStore'))).toEqual([...three('error'), ...three('full')])
  })
})
