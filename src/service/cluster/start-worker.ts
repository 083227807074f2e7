// node only: starts processes
import cluster, { type Worker } from 'node:cluster'
import { WorkerError } from '../../errors.ts'
import { startBackgroundTimer } from '../../support/background-timer.ts'
import { clusterMessage, isClusterMessage } from './messages.ts'

/** The bounds of a worker, and the receiver of its errors. */
export interface WorkerSettings {
  readonly openMs: number
  readonly closeMs: number
  readonly report: (error: unknown) => void
}

/** A worker, as the primary process sees it. */
export interface StartedWorker {
  /** Resolves when it listens; rejects with a WorkerError when it ended before. */
  readonly listens: Promise<void>
  /** Resolves when its process has ended, with a sentence about the end. */
  readonly ended: Promise<string>
  /** Asks it to close, and kills it after `closeMs`. Resolves when it has ended, with whether it closed. */
  stop(): Promise<boolean>
  /** The signal that has ended its process, or null. */
  endingSignal(): string | null
}

/** Starts a worker with the settings of `cluster.setupPrimary`. */
export function startWorker(settings: WorkerSettings): StartedWorker {
  try {
    return watchWorker(cluster.fork(), settings)
  } catch (error) {
    // The system has no memory for a process, for example. Those that serve go on.
    return endedBefore(error)
  }
}

function endedBefore(cause: unknown): StartedWorker {
  const end = `a worker got no process (${(cause as NodeJS.ErrnoException).code ?? 'unknown reason'})`
  const listens = Promise.reject(new WorkerError(end, { cause }))
  listens.catch(() => undefined)
  return {
    listens,
    ended: Promise.resolve(end),
    stop: () => Promise.resolve(true),
    endingSignal: () => null,
  }
}

function watchWorker(worker: Worker, { openMs, closeMs, report }: WorkerSettings): StartedWorker {
  const name = `worker ${worker.process.pid ?? worker.id}`
  let isListening = false
  let hasEnded = false
  let isClean = false
  let killed: string | undefined
  let closing: ReturnType<typeof startBackgroundTimer> | undefined
  let stopped: Promise<boolean> | undefined
  const opening = startBackgroundTimer(() => kill(`it did not listen within ${openMs} ms`), openMs)

  function kill(reason: string): void {
    killed = reason
    worker.process.kill('SIGKILL')
  }

  /** SVC-23 */
  function limitEnd(): void {
    if (!hasEnded) closing ??= startBackgroundTimer(() => kill(`it did not end within ${closeMs} ms`), closeMs)
  }

  /** @param how - the end, as a part of the sentence. */
  function endOf(how: string, code: number | null): string {
    hasEnded = true
    clearTimeout(opening)
    clearTimeout(closing)
    isClean = killed === undefined && (code === 0 || !isListening || (code === null && worker.exitedAfterDisconnect))
    if (killed !== undefined) return `${name} was killed: ${killed}`
    return `${name} ${how}${isListening ? '' : ' before it listened (its standard error has the reason)'}`
  }

  const ended = new Promise<string>((resolve) => {
    worker.once('exit', (code: number | null, signal: string | null) =>
      resolve(endOf(signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`, code)),
    )
    // The system started no process. Other errors are of messages to a worker that has ended.
    worker.on('error', (error: NodeJS.ErrnoException) => {
      if (worker.process.pid === undefined) resolve(endOf(`got no process (${error.code})`, null))
    })
    // It closes by itself.
    worker.once('disconnect', limitEnd)
  })
  const listening = new Promise<void>((resolve) => {
    worker.on('message', (message: unknown) => {
      if (isClusterMessage(message, 'closing')) limitEnd()
      if (!isClusterMessage(message, 'listening')) return
      isListening = true
      clearTimeout(opening)
      if (stopped !== undefined) askToClose()
      resolve()
    })
  })

  async function failToListen(): Promise<never> {
    throw new WorkerError(await ended)
  }
  const listens = Promise.race([listening, failToListen()])
  // Its place may wait for its end alone.
  listens.catch(() => undefined)

  function askToClose(): void {
    worker.send(clusterMessage('close'), () => undefined)
  }
  async function endByMessage(): Promise<boolean> {
    // Its end was reported.
    if (hasEnded) return true
    limitEnd()
    clearTimeout(opening)
    // A message that arrives before the service is open is lost.
    if (isListening) askToClose()
    const end = await ended
    if (!isClean) report(new WorkerError(end))
    return isClean
  }
  function stop(): Promise<boolean> {
    stopped ??= endByMessage()
    return stopped
  }

  return { listens, ended, stop, endingSignal: () => worker.process.signalCode }
}
