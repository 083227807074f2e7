import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { ArgumentError, StoreError, StoreFullError } from '../../src/errors.ts'
import { createGuard } from '../../src/guard/guard.ts'
import { createMetrics } from '../../src/operations/create-metrics.ts'
import type { Meter } from '../../src/operations/meter.ts'
import { observedStore } from '../../src/operations/observed-store.ts'
import { type PrometheusClient, prometheusMeter } from '../../src/operations/prometheus-meter.ts'
import { actor, clock } from '../support/actors.ts'
import { call, chainOf, service } from '../support/service.ts'

/** The parts of both packages that the test needs. Loaded by name: nothing of the sources depends on them. */
interface PromClient extends PrometheusClient {
  readonly Registry: new () => { metrics(): Promise<string> }
}
interface OtelSdk {
  readonly MeterProvider: new (options: object) => { getMeter(name: string): Meter }
  readonly InMemoryMetricExporter: new (temporality: number) => { getMetrics(): readonly Exported[] }
  readonly PeriodicExportingMetricReader: new (
    options: object,
  ) => { forceFlush(): Promise<void>; shutdown(): Promise<void> }
}
interface Exported {
  readonly scopeMetrics: readonly {
    readonly metrics: readonly {
      readonly descriptor: { readonly name: string; readonly unit: string }
      readonly dataPoints: readonly { readonly attributes: object; readonly value: unknown }[]
    }[]
  }[]
}
const promClient = ((await import('prom-client' as string)) as { readonly default: PromClient }).default
const sdk = (await import('@opentelemetry/sdk-metrics' as string)) as OtelSdk

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)
const read = defineCommand({ command: '/mail/read', args: {} })

/** An allowed call, a repeated one and garbage. */
async function useGuard(meter: Meter): Promise<void> {
  const metrics = createMetrics({ meter })
  const stores = memoryStores({ clock })
  const sink = memoryAuditSink()
  const guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: [read],
    audit: { sink },
    clock,
    ...metrics.stores(stores),
    onEvent: metrics.onEvent,
  })
  metrics.watch({
    guard,
    entries: {
      replay: () => stores.replay.size,
      revocations: () => stores.revocations.size,
      limitStore: () => stores.limitStore.size,
      broken: () => {
        throw new Error('no')
      },
    },
    revocations: { knowledge: () => ({ ageSeconds: 12, stale: true }) },
    sink: { health: () => ({ healthy: true, inFlight: 3 }) },
  })
  const container = encodeContainer([await call({ issuer: bob, proofs, command: '/mail/read', args: {} }), ...proofs])
  expect(await guard.use(container, () => 1)).toMatchObject({ allowed: true })
  expect(await guard.use(container, () => 1)).toMatchObject({ allowed: false, denial: { code: 'replayed' } })
  await guard.use('garbage', () => 1)
}

describe('createMetrics', () => {
  it('OPS-03 has the metrics of a guard and its stores in a registry of prom-client, without names of anybody', async () => {
    const registry = new promClient.Registry()
    await useGuard(prometheusMeter({ client: promClient, registry }))
    const text = await registry.metrics()
    for (const line of [
      'procura_decision_duration_seconds_count{procura_decision="allow",error_type=""} 1',
      'procura_decision_duration_seconds_count{procura_decision="deny",error_type="replayed"} 1',
      'procura_call_duration_seconds_count{procura_command="/mail/read",procura_status="ok"} 1',
      'procura_store_duration_seconds_count{procura_store="replay",procura_operation="claim",procura_outcome="ok"} 2',
      'procura_store_entries{procura_store="replay"} 1',
      'procura_store_entries{procura_store="revocations"} 0',
      'procura_revocations_age_seconds 12',
      'procura_revocations_current 0',
      'procura_calls_active 0',
      'procura_calls_limit 1000',
      'procura_audit_active 3',
      'procura_audit_healthy 1',
      '# TYPE procura_refusals_total counter',
    ]) {
      expect(text).toContain(line)
    }
    expect(text).not.toMatch(/did:|bafy|broken/)
  })

  it('has the same metrics in a meter of OpenTelemetry', async () => {
    const exporter = new sdk.InMemoryMetricExporter(1)
    const reader = new sdk.PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const provider = new sdk.MeterProvider({ readers: [reader] })
    await useGuard(provider.getMeter('procura'))
    await reader.forceFlush()
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    await reader.shutdown()
    const found = new Map(
      metrics.map(({ descriptor, dataPoints }) => [`${descriptor.name} ${descriptor.unit}`, dataPoints]),
    )
    expect(found.get('procura.store.duration s')).toContainEqual(
      expect.objectContaining({
        attributes: { 'procura.store': 'replay', 'procura.operation': 'claim', 'procura.outcome': 'ok' },
        value: expect.objectContaining({ count: 2 }),
      }),
    )
    expect(found.get('procura.revocations.age s')).toEqual([expect.objectContaining({ value: 12 })])
    expect(found.get('procura.store.entries 1')).toHaveLength(3)
  })

  it('OPS-01 changes nothing if the meter throws, or the watched parts do', async () => {
    const fail = (): never => {
      throw new Error('no')
    }
    const callbacks: ((result: { observe(): void }) => void)[] = []
    await useGuard({
      createCounter: () => ({ add: fail }),
      createHistogram: () => ({ record: fail }),
      createObservableGauge: () => ({ addCallback: (report) => void callbacks.push(report as never) }),
    })
    for (const report of callbacks) expect(() => report({ observe: fail })).not.toThrow()
  })

  it('reports no age while it is not known', async () => {
    const registry = new promClient.Registry()
    let known: { ageSeconds: number; stale: boolean } | undefined = { ageSeconds: 1, stale: false }
    createMetrics({ meter: prometheusMeter({ client: promClient, registry }) }).watch({
      revocations: { knowledge: () => known },
    })
    expect(await registry.metrics()).toContain('procura_revocations_age_seconds 1\n')
    known = undefined
    const text = await registry.metrics()
    expect(text).not.toContain('procura_revocations_age_seconds 1')
    expect(text).toContain('procura_revocations_current 0')
  })

  it('refuses another meter, module or part', () => {
    expect(() => createMetrics({ meter: {} as never })).toThrow(ArgumentError)
    expect(() => prometheusMeter({ client: {} as never })).toThrow('must be the module `prom-client`')
    const registry = new promClient.Registry()
    const metrics = createMetrics({ meter: prometheusMeter({ client: promClient, registry }) })
    expect(() => metrics.watch({ guard: {} as never })).toThrow(ArgumentError)
    expect(() => metrics.watch({ entries: { replay: 7 as never } })).toThrow(ArgumentError)
  })

  it('has names with a prefix of the caller', async () => {
    const registry = new promClient.Registry()
    createMetrics({ meter: prometheusMeter({ client: promClient, registry, prefix: 'mail_' }) })
    expect(await registry.metrics()).toContain('mail_refusals_total')
  })
})

describe('a measured store', () => {
  const seen: string[] = []
  const watch = (store: object) =>
    observedStore(store, ['claim'], (operation, outcome) => seen.push(`${operation} ${outcome}`)) as Record<
      string,
      (...values: unknown[]) => unknown
    >

  it('OPS-02 answers as the store itself, at once or later', async () => {
    seen.length = 0
    const full = new StoreFullError('full')
    const answers = [
      () => true,
      async () => false,
      () => {
        throw full
      },
      () => Promise.reject(new StoreError('down')),
      () => Promise.reject(undefined),
    ]
    const store = watch({ claim: () => answers.shift()?.() })
    expect(store['claim']?.()).toBe(true)
    const later = store['claim']?.()
    expect(later).toBeInstanceOf(Promise)
    expect(await later).toBe(false)
    expect(() => store['claim']?.()).toThrow(full)
    await expect(store['claim']?.()).rejects.toThrow('down')
    await expect(store['claim']?.()).rejects.toBe(undefined)
    expect(seen).toEqual(['claim ok', 'claim ok', 'claim full', 'claim error', 'claim error'])
  })

  it('OPS-02 has all methods and values of an instance of a class, on that instance', () => {
    seen.length = 0
    class Base {
      #entries = 0
      get size(): number {
        return this.#entries
      }
      claim(key: string, ...others: unknown[]): string {
        this.#entries += 1
        return `${key} ${others.length}`
      }
    }
    class Store extends Base {
      readonly #name = 'mine'
      further(): string {
        return this.#name
      }
    }
    const store = watch(new Store())
    expect(store['claim']?.('a', 1, {})).toBe('a 2')
    expect([store['size'], store['further']?.()]).toEqual([1, 'mine'])
    expect(seen).toEqual(['claim ok'])
    const { claim } = store
    expect(claim?.('b')).toBe('b 0')
  })
})
