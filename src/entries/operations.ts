/**
 * `procura/operations`: metrics, health and pruning of a service.
 *
 * @module
 */

export {
  type CreateMetricsOptions,
  createMetrics,
  type MeasuredStores,
  type Metrics,
  type WatchedParts,
} from '../operations/create-metrics.ts'
export type {
  Counter,
  GaugeResult,
  Histogram,
  InstrumentOptions,
  Meter,
  MetricAttributes,
  ObservableGauge,
} from '../operations/meter.ts'
export {
  type ProbeStoresOptions,
  probeStores,
  type RevocationStoreHealth,
  type StoreHealth,
  type StoresHealth,
} from '../operations/probe-stores.ts'
export {
  type PrometheusClient,
  type PrometheusMeterOptions,
  type PrometheusMetric,
  prometheusMeter,
} from '../operations/prometheus-meter.ts'
export {
  type PrunableStore,
  type PruneRegularlyOptions,
  pruneRegularly,
  type RegularPruning,
} from '../operations/prune-regularly.ts'
