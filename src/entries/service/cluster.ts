// node only: starts processes
/**
 * `procura/service/cluster`: a service in several processes of one machine.
 *
 * @module
 */

export { WorkerError } from '../../errors.ts'
export {
  type ClusteredService,
  type ServeInClusterOptions,
  serveInCluster,
} from '../../service/cluster/serve-in-cluster.ts'
