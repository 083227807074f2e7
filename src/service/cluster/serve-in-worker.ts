// node only: is a worker of a cluster
import cluster from 'node:cluster'
import process from 'node:process'
import { ArgumentError } from '../../errors.ts'
import { atSignal } from '../../support/at-signal.ts'
import { longestMs, withMethod } from '../../support/options.ts'
import { type ClusterMessage, clusterMessage, isClusterMessage } from './messages.ts'

/** The signals of a worker, and the receiver of the error of its service. */
export interface WorkerSignals {
  readonly replaceAt: string
  readonly signals: readonly string[]
  readonly report: (error: unknown) => void
}

/**
 * Opens a service, reports that it listens, and closes it when the primary process asks for it, or at a signal.
 *
 * @returns closes it, and lets the process end.
 */
export async function serveInWorker(
  open: () => unknown,
  { replaceAt, signals, report }: WorkerSignals,
): Promise<() => Promise<void>> {
  // A terminal sends it to the whole group, and it is for the primary process alone.
  process.on(replaceAt, () => undefined)

  /** Without the channel, the process ends when nothing else is in progress. */
  function leave(code: 0 | 1): void {
    if (code !== 0) process.exitCode = code
    if (!cluster.worker?.isConnected()) return
    // A connection that is on its way to this process is returned to the primary process, which passes it to another
    // one. A process that ended before would lose it, and its client would wait forever.
    const stay = setInterval(() => undefined, longestMs)
    const ignore = (): void => undefined
    for (const signal of signals) process.on(signal, ignore)
    process.once('disconnect', () => {
      clearInterval(stay)
      for (const signal of signals) process.off(signal, ignore)
    })
    cluster.worker.disconnect()
  }
  async function close(service: { close(): Promise<void> }): Promise<void> {
    let code: 0 | 1 = 1
    tell('closing')
    try {
      await service.close()
      code = 0
    } finally {
      leave(code)
    }
  }

  try {
    const service = await open()
    const fault = withMethod('close')(service)
    if (fault !== undefined) throw new ArgumentError(`serveInCluster: the result of \`open\` ${fault}`)
    const ending = atSignal(signals, () => close(service as { close(): Promise<void> }), report)
    process.on('message', (message) => {
      if (isClusterMessage(message, 'close')) void ending.finish()
    })
    // The program has disconnected its workers. If the primary process was killed, Node has ended this one before.
    process.once('disconnect', () => void ending.finish())
    tell('listening')
    return ending.close
  } catch (error) {
    leave(1)
    throw error
  }
}

/** The channel may be closed, and then the message has no receiver. */
function tell(kind: ClusterMessage): void {
  process.send?.(clusterMessage(kind), undefined, undefined, () => undefined)
}
