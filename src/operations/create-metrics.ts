import type { AuditHealth } from '../audit/combine/with-health.ts'
import type { CallStore } from '../core/authorization/call-store.ts'
import type { LimitStore } from '../core/authorization/limits/limit-store.ts'
import type { ReplayStore } from '../core/authorization/replay-store.ts'
import type { RevocationKnowledge, RevocationStore } from '../core/revocation/revocation-store.ts'
import type { GuardHealth } from '../guard/in-flight.ts'
import type { GuardEvent } from '../guard/telemetry.ts'
import { maybe, type OptionCheck, type OptionChecks, readOptions, withMethod } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import type { Counter, GaugeResult, Histogram, InstrumentOptions, Meter, MetricAttributes } from './meter.ts'
import { observedCallStore } from './observed-call-store.ts'
import { type ObserveOperation, observedStore } from './observed-store.ts'

/** Options of {@link createMetrics}. */
export interface CreateMetricsOptions {
  /** Makes the instruments: a meter of OpenTelemetry, or `prometheusMeter`. */
  readonly meter: Meter
}

/** Parts of a service whose state is read when the metrics are collected. */
export interface WatchedParts {
  /** A guard or a service: the calls in progress. */
  readonly guard?: { health(): Pick<GuardHealth, 'calls' | 'maxCalls'> }
  /** A copy of revocations: its age. */
  readonly revocations?: { knowledge(): RevocationKnowledge | undefined }
  /** A sink of `withHealth`: events in progress, and whether the last one was confirmed. */
  readonly sink?: { health(): Pick<AuditHealth, 'healthy' | 'inFlight'> }
  /** The number of entries of stores, by name, for example `{ replay: () => replay.size }`. */
  readonly entries?: Readonly<Record<string, () => number>>
}

/** The metrics of a service. */
export interface Metrics {
  /** The option of `createGuard`. */
  readonly onEvent: (event: GuardEvent) => void
  /** Makes stores that answer as the given ones, and measures their operations. */
  stores<Stores extends MeasuredStores>(stores: Stores): Stores
  /** Reads the state of these parts when the metrics are collected. Call it once for each part. */
  watch(parts: WatchedParts): void
}

/** The stores under the names of the options of `createGuard`; others are passed on. */
export interface MeasuredStores {
  readonly replay?: ReplayStore
  readonly revocations?: RevocationStore
  readonly limitStore?: LimitStore
  readonly callStore?: CallStore
}

const meterCheck: OptionCheck = (value) =>
  ['createCounter', 'createHistogram', 'createObservableGauge'].every((name) => withMethod(name)(value) === undefined)
    ? undefined
    : 'must be a meter of OpenTelemetry, or made by prometheusMeter'

const optionChecks: OptionChecks<CreateMetricsOptions> = Object.freeze({ meter: meterCheck })

/** Seconds: from a look-up in memory to a time limit. */
const durationBuckets = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const operationsOf: Readonly<Record<Exclude<keyof MeasuredStores, 'callStore'>, readonly string[]>> = {
  replay: ['claim', 'prune'],
  revocations: ['findRevocations', 'add', 'prune'],
  limitStore: ['reserve', 'commit', 'release', 'remaining', 'prune'],
}

/**
 * Makes the metrics of a service: decisions, calls, stores, and the age of revocations. `spec/operations.md` lists
 * them. Attributes are codes, commands of allowed calls and names of stores; never an argument, a principal or a token.
 *
 * @throws ArgumentError when `meter` is not a meter.
 * @example
 * ```ts
 * import { createGuard } from 'procura/guard'
 * import { createMetrics } from 'procura/operations'
 * import { memoryStores } from 'procura/store/memory'
 *
 * const metrics = createMetrics({ meter })
 * const guard = createGuard({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [send],
 *   audit: { sink },
 *   ...metrics.stores(memoryStores()),
 *   onEvent: metrics.onEvent,
 * })
 * metrics.watch({ guard })
 * ```
 */
export function createMetrics(options: CreateMetricsOptions): Metrics {
  const { meter } = readOptions('createMetrics', options, optionChecks)
  const onEvent = eventRecorder(meter)
  const operations = durations(meter, 'procura.store.duration', 'Time of an operation of a store', [
    'procura.store',
    'procura.operation',
    'procura.outcome',
  ])

  return Object.freeze({
    onEvent,
    stores<Stores extends MeasuredStores>(stores: Stores): Stores {
      const measured = { ...stores } as Record<string, unknown>
      const observerOf =
        (store: string): ObserveOperation =>
        (operation, outcome, durationMs) =>
          operations(durationMs, {
            'procura.store': store,
            'procura.operation': operation,
            'procura.outcome': outcome,
          })
      for (const [name, methods] of Object.entries(operationsOf)) {
        const store = measured[name]
        if (typeof store !== 'object' || store === null) continue
        measured[name] = observedStore(store, methods, observerOf(name))
      }
      const { callStore } = stores
      if (callStore !== undefined)
        measured['callStore'] = observedCallStore(callStore, stores, measured, observerOf('callStore'))
      return measured as Stores
    },
    watch: (parts: WatchedParts) => watch(meter, readOptions('watch', parts, watchChecks)),
  })
}

type RecordDuration = (durationMs: number, attributes: MetricAttributes) => void

/** A measurement must not end a call: an instrument that throws is ignored. OPS-01 */
function durations(meter: Meter, name: string, description: string, attributeNames: readonly string[]): RecordDuration {
  const histogram: Histogram = meter.createHistogram(name, {
    description,
    unit: 's',
    attributeNames,
    advice: { explicitBucketBoundaries: [...durationBuckets] },
  })
  return (durationMs, attributes) => void quietly(() => histogram.record(durationMs / 1_000, attributes))
}

function counter(meter: Meter, name: string, description: string, attributeNames: readonly string[]): Counter['add'] {
  const made = meter.createCounter(name, { description, unit: '1', attributeNames })
  return (value, attributes) => void quietly(() => made.add(value, attributes))
}

/** OPS-03: no attribute is of a token, and the commands are those of allowed calls. */
function eventRecorder(meter: Meter): Metrics['onEvent'] {
  const decided = durations(meter, 'procura.decision.duration', 'Time of a decision about a call', [
    'procura.decision',
    'error.type',
  ])
  const refused = counter(meter, 'procura.refusals', 'Calls refused without a decision', ['error.type'])
  const released = durations(meter, 'procura.release.duration', 'Time of the release of a credential', [
    'procura.command',
  ])
  const finished = durations(meter, 'procura.call.duration', 'Time of an allowed call', [
    'procura.command',
    'procura.status',
  ])
  const recovered = counter(meter, 'procura.recovered', 'Intents without an outcome that were closed', [
    'procura.released',
  ])

  return (event) => {
    switch (event.name) {
      case 'decided': {
        const decision = event.allowed ? 'allow' : 'deny'
        return decided(event.durationMs, { 'procura.decision': decision, 'error.type': event.code ?? '' })
      }
      case 'refused':
        return refused(1, { 'error.type': event.code })
      case 'released':
        return released(event.durationMs, { 'procura.command': event.command })
      case 'finished':
        return finished(event.durationMs, { 'procura.command': event.command, 'procura.status': event.status })
      case 'recovered':
        return recovered(1, { 'procura.released': event.released })
    }
  }
}

const watchChecks: OptionChecks<WatchedParts> = Object.freeze({
  guard: maybe(withMethod('health')),
  revocations: maybe(withMethod('knowledge')),
  sink: maybe(withMethod('health')),
  entries: maybe((value) =>
    typeof value === 'object' && value !== null && Object.values(value).every((read) => typeof read === 'function')
      ? undefined
      : 'must be an object of functions',
  ),
})

function watch(meter: Meter, { guard, revocations, sink, entries }: WatchedParts): void {
  const gauge = (
    name: string,
    given: Omit<InstrumentOptions, 'attributeNames'> & Partial<Pick<InstrumentOptions, 'attributeNames'>>,
    read: (result: GaugeResult) => void,
  ): void =>
    meter
      .createObservableGauge(name, { attributeNames: [], ...given })
      // A part that throws has no value. The others are read.
      .addCallback((result) => void quietly(() => read(result)))
  const count = (description: string): { readonly description: string; readonly unit: string } => ({
    description,
    unit: '1',
  })

  if (guard !== undefined) {
    gauge('procura.calls.active', count('Calls in progress'), (result) => result.observe(guard.health().calls))
    gauge('procura.calls.limit', count('Most concurrent calls'), (result) => result.observe(guard.health().maxCalls))
  }
  if (sink !== undefined) {
    gauge('procura.audit.active', count('Events that the sink has not answered'), (result) =>
      result.observe(sink.health().inFlight),
    )
    gauge('procura.audit.healthy', count('1 if the last event was confirmed, 0 if not'), (result) =>
      result.observe(Number(sink.health().healthy)),
    )
  }
  if (revocations !== undefined) {
    const known = (): RevocationKnowledge | undefined => revocations.knowledge()
    gauge('procura.revocations.age', { description: 'Age of the copy of the revocations', unit: 's' }, (result) => {
      const age = known()?.ageSeconds
      if (age !== undefined) result.observe(age)
    })
    gauge('procura.revocations.current', count('1 if the copy of the revocations is current, 0 if not'), (result) =>
      result.observe(Number(known()?.stale === false)),
    )
  }
  if (entries !== undefined) {
    const given = { ...count('Entries of a store'), attributeNames: ['procura.store'] }
    gauge('procura.store.entries', given, (result) => {
      for (const [store, read] of Object.entries(entries)) {
        const size = quietly(read)
        if (size !== undefined) result.observe(size, { 'procura.store': store })
      }
    })
  }
}
