// node only: starts processes
import { type StartedWorker, startWorker, type WorkerSettings } from './start-worker.ts'

/**
 * A signal that the primary process and its workers receive as one process group, and that only the primary process
 * acts on.
 */
export interface GroupSignal {
  readonly name: string
  /** The times that the primary process has received it. */
  count(): number
  /** Counts one. */
  receive(): void
  /** Returns whether it received one after so many, if need be after a short wait. */
  hasCome(after: number): Promise<boolean>
}

/** Counts a signal. `wait` is for one that has ended a worker and has not yet reached this process. */
export function groupSignal(name: string, wait: () => Promise<void>): GroupSignal {
  let received = 0
  return {
    name,
    count: () => received,
    receive: () => void received++,
    async hasCome(after) {
      if (received === after) await wait()
      return received > after
    },
  }
}

/**
 * Starts a worker. Until it has loaded its modules it does not handle signals, so a signal to the group may end it.
 * Then another one takes its place. No process can be started that ignores a signal: Node resets what a process
 * inherits.
 */
export function startInGroup(settings: WorkerSettings, signal: GroupSignal): StartedWorker {
  let worker: StartedWorker
  let isStopped = false
  let ended = Promise.resolve('')

  const listens = new Promise<void>((resolve, reject) => {
    async function run(): Promise<string> {
      for (;;) {
        const before = signal.count()
        worker = startWorker(settings)
        const fault = await worker.listens.then(resolve, (error: unknown) => ({ error }))
        const end = await worker.ended
        if (fault === undefined) return end
        const isBySignal = worker.endingSignal() === signal.name && (await signal.hasCome(before))
        if (isBySignal && !isStopped) continue
        reject(fault.error)
        return end
      }
    }
    ended = run()
  })
  // Its place may wait for its end alone.
  listens.catch(() => undefined)

  function stop(): Promise<boolean> {
    isStopped = true
    return worker.stop()
  }
  return { listens, ended, stop, endingSignal: () => worker.endingSignal() }
}
