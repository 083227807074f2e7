// node only: starts processes
import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { ArgumentError } from '../../errors.ts'
import { endingSignals, signalName } from '../../support/at-signal.ts'
import {
  arrayOf,
  callback,
  integerFrom,
  maybe,
  milliseconds,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { serveInPrimary } from './serve-in-primary.ts'
import { serveInWorker } from './serve-in-worker.ts'

/** Options of {@link serveInCluster}. */
export interface ServeInClusterOptions {
  /** The number of worker processes. Default: `availableParallelism()` of `node:os`. */
  readonly workers?: number
  /** The signal at which the primary process replaces the workers, one after the other. Default `'SIGHUP'`. */
  readonly replaceAt?: string
  /**
   * The signals that close all workers. A second one ends them in the middle of their calls. Default `['SIGTERM',
   * 'SIGINT']`.
   */
  readonly signals?: readonly string[]
  /** Milliseconds until a worker that does not listen is killed. Default 60,000. */
  readonly openMs?: number
  /**
   * Milliseconds until a worker that was asked to close or closes by itself, and has not ended, is killed. Default
   * 15,000, which is more than the 10,000 of `listenForCalls`.
   */
  readonly closeMs?: number
  /**
   * Receives, in the primary process, a WorkerError for each worker that ended by itself, could not be replaced, did
   * not close or was killed; and in a worker the error of the service that could not be closed. Default:
   * `process.emitWarning`, which prints it to standard error.
   */
  readonly onError?: (error: unknown) => void
}

/** A service in several processes. */
export interface ClusteredService {
  /**
   * In the primary process: closes every worker, and resolves when all have ended. Rejects with a WorkerError after
   * that, when a worker did not close. In a worker: closes this one, so that the primary process starts another one.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Serves in several processes, with `node:cluster`: the program runs in a primary process and in each worker. `open` is
 * called in each worker alone. In a worker, the promise is fulfilled after `open`, and in the primary process when all
 * workers listen, or after a signal when all have ended.
 *
 * A worker that ends is started again: at once, and then after 1 to 30 seconds while it ends soon after its start. At
 * SIGHUP the workers are replaced. If the primary process is killed, its workers end in the middle of their calls,
 * whose outcomes are missing in the log; `recoverIntents` records them as unknown.
 *
 * @param open - opens the service, and returns an object with its `close`, such as the result of `listenForCalls`.
 * @throws ArgumentError when an argument is invalid, or the program has called it before; WorkerError in the primary
 *   process, when one of the first workers ends before it listens, after the others have ended; in a worker, the error
 *   of `open`.
 *
 * @example
 * ```ts
 * import { serveInCluster } from 'procura/service/cluster'
 * import { listenForCalls } from 'procura/service/file'
 *
 * await serveInCluster({ workers: 4 }, () => listenForCalls(mailService, { port: 8080 }))
 * ```
 */
export async function serveInCluster(
  options: ServeInClusterOptions,
  open: () => Promise<{ close(): Promise<void> }> | { close(): Promise<void> },
): Promise<ClusteredService> {
  const { workers, onError, ...given } = readOptions('serveInCluster', options, checks)
  if (typeof open !== 'function') throw new ArgumentError('serveInCluster: `open` must be a function')
  if (given.signals.includes(given.replaceAt))
    throw new ArgumentError('serveInCluster: `replaceAt` must not be one of `signals`')
  const settings = {
    ...given,
    // The caller may change its list.
    signals: [...given.signals],
    workers: workers ?? availableParallelism(),
    report: (error: unknown): void => {
      if (onError !== undefined) quietly(() => onError(error))
      else process.emitWarning(error instanceof Error ? error : 'the service could not be closed')
    },
  }
  const leave = enter()
  const serving = cluster.isPrimary ? serveInPrimary(settings) : serveInWorker(open, settings)
  const close = await serving.catch((error: unknown) => {
    // All workers have ended, so the program may try again. A worker cannot: it has left its primary process.
    if (cluster.isPrimary) leave()
    throw error
  })
  return Object.freeze({ close, [Symbol.asyncDispose]: close })
}

/**
 * Marks this process, also for another copy of this module.
 *
 * @returns removes the mark.
 * @throws ArgumentError when the process has the mark.
 */
function enter(): () => void {
  if (Reflect.has(cluster, mark))
    throw new ArgumentError(
      'serveInCluster: the program has called it before, and a second call would start as many workers again; open all services in one `open`, and return an object that closes all of them',
    )
  Object.defineProperty(cluster, mark, { value: true, configurable: true })
  return () => Reflect.deleteProperty(cluster, mark)
}

/** The property of the cluster of a process that has called `serveInCluster`. */
const mark = Symbol.for('procura/service/cluster')

const checks = Object.freeze({
  workers: maybe(integerFrom(1)),
  replaceAt: withDefault(signalName, 'SIGHUP'),
  signals: withDefault(arrayOf(signalName), endingSignals),
  openMs: withDefault(milliseconds, 60_000),
  closeMs: withDefault(milliseconds, 15_000),
  onError: maybe(callback),
}) satisfies OptionChecks<ServeInClusterOptions>
