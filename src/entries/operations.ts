/**
 * `procura/operations`: metrics, health and pruning of a service.
 *
 * @module
 */

export { createMetrics, type Metrics } from '../operations/create-metrics.ts'
export type { Meter } from '../operations/meter.ts'
export { probeStores, type StoresHealth } from '../operations/probe-stores.ts'
export { prometheusMeter } from '../operations/prometheus-meter.ts'
export { pruneRegularly, type RegularPruning } from '../operations/prune-regularly.ts'
