import { anything, callback, nonEmptyString, type OptionChecks, readOptions, withDefault } from '../support/options.ts'
import type { InstrumentOptions, Meter, MetricAttributes } from './meter.ts'

/** Labels of `prom-client`. */
type Labels = Readonly<Record<string, string | number>>

/** The description of a metric of `prom-client`. */
export interface PrometheusMetric {
  readonly name: string
  readonly help: string
  readonly labelNames: string[]
  /** The bounds of a histogram. */
  readonly buckets?: number[]
  /** Called before a gauge is read. */
  collect?(): void
}

/** The part of the module `prom-client` that is used, by its shape: `import client from 'prom-client'` has it. */
export interface PrometheusClient {
  readonly Counter: new (metric: never) => { inc(labels: Labels, value: number): void }
  readonly Histogram: new (metric: never) => { observe(labels: Labels, value: number): void }
  readonly Gauge: new (metric: never) => { set(labels: Labels, value: number): void; reset(): void }
}

/** Options of {@link prometheusMeter}. */
export interface PrometheusMeterOptions {
  /** The module `prom-client`. */
  readonly client: PrometheusClient
  /** The registry of the metrics, a `Registry` of `prom-client`. Default: its default one. */
  readonly registry?: unknown
  /** The beginning of all names. Default `procura_`. */
  readonly prefix?: string
}

const optionChecks = Object.freeze({
  client: (value: unknown) =>
    ['Counter', 'Histogram', 'Gauge'].every((name) => callback(Object(value)[name]) === undefined)
      ? undefined
      : 'must be the module `prom-client`',
  registry: anything,
  prefix: withDefault(nonEmptyString, 'procura_'),
}) satisfies OptionChecks<PrometheusMeterOptions>

/**
 * Makes a meter for `createMetrics` whose metrics are in a registry of `prom-client`. The names follow the rules of
 * Prometheus: `procura.decision.duration` becomes `procura_decision_duration_seconds`, and a counter ends in `_total`.
 *
 * @throws ArgumentError when an option is invalid. `prom-client` throws for a name that the registry has already.
 * @example
 * ```ts
 * import client from 'prom-client'
 * import { createMetrics, prometheusMeter } from 'procura/operations'
 *
 * const metrics = createMetrics({ meter: prometheusMeter({ client }) })
 * // In the endpoint for Prometheus: `await client.register.metrics()`
 * ```
 */
export function prometheusMeter(options: PrometheusMeterOptions): Meter {
  const { client, registry, prefix } = readOptions('prometheusMeter', options, optionChecks)

  function metric(name: string, { description, unit, attributeNames }: InstrumentOptions, end = ''): PrometheusMetric {
    const base = name.replace(/^procura\./, prefix).replaceAll('.', '_')
    return {
      name: `${base}${unit === 's' ? '_seconds' : ''}${end}`,
      help: description,
      labelNames: attributeNames.map(labelName),
      ...(registry !== undefined && { registers: [registry] }),
    }
  }

  return Object.freeze({
    createCounter(name: string, given: InstrumentOptions) {
      const counter = new client.Counter(metric(name, given, '_total') as never)
      return { add: (value: number, attributes?: MetricAttributes) => counter.inc(labelsOf(attributes), value) }
    },
    createHistogram(name: string, given: InstrumentOptions) {
      const buckets = given.advice?.explicitBucketBoundaries
      const histogram = new client.Histogram({ ...metric(name, given), ...(buckets && { buckets }) } as never)
      return {
        record: (value: number, attributes?: MetricAttributes) => histogram.observe(labelsOf(attributes), value),
      }
    },
    createObservableGauge(name: string, given: InstrumentOptions) {
      const callbacks: Parameters<ReturnType<Meter['createObservableGauge']>['addCallback']>[0][] = []
      const gauge = new client.Gauge({
        ...metric(name, given),
        collect() {
          // A value that is no longer reported becomes absent. It does not keep its last state.
          gauge.reset()
          for (const report of callbacks) {
            report({ observe: (value, attributes) => gauge.set(labelsOf(attributes), value) })
          }
        },
      } as never)
      return { addCallback: (report) => void callbacks.push(report) }
    },
  } satisfies Meter)
}

function labelName(attribute: string): string {
  return attribute.replaceAll('.', '_')
}

function labelsOf(attributes: MetricAttributes = {}): Labels {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [labelName(name), String(value)]))
}
