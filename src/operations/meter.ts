/**
 * The part of a meter of OpenTelemetry that is used, by its shape: `metrics.getMeter('procura')` of
 * `@opentelemetry/api` is one.
 *
 * @module
 */

/** The attributes of a measurement. */
export type MetricAttributes = Readonly<Record<string, string | number | boolean>>

/** The description of an instrument. */
export interface InstrumentOptions {
  /** One sentence for people. */
  readonly description: string
  /** The unit as UCUM writes it: `s` for seconds. */
  readonly unit: string
  /** The names of all attributes that its measurements can have. OpenTelemetry ignores it; Prometheus needs it. */
  readonly attributeNames: readonly string[]
  /** The bounds of the buckets of a histogram. */
  readonly advice?: { readonly explicitBucketBoundaries: number[] }
}

/** Adds up. */
export interface Counter {
  add(value: number, attributes?: MetricAttributes): void
}

/** Counts values by their size. */
export interface Histogram {
  record(value: number, attributes?: MetricAttributes): void
}

/** Receives the value of a gauge when it is read. */
export interface GaugeResult {
  observe(value: number, attributes?: MetricAttributes): void
}

/** A value that is read when the metrics are collected. */
export interface ObservableGauge {
  addCallback(callback: (result: GaugeResult) => void): void
}

/** Makes instruments. */
export interface Meter {
  createCounter(name: string, options: InstrumentOptions): Counter
  createHistogram(name: string, options: InstrumentOptions): Histogram
  createObservableGauge(name: string, options: InstrumentOptions): ObservableGauge
}
