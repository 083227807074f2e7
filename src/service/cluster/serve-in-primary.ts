// node only: starts processes
import { setMaxListeners } from 'node:events'
import process from 'node:process'
import { setTimeout } from 'node:timers/promises'
import { WorkerError } from '../../errors.ts'
import { atSignal } from '../../support/at-signal.ts'
import { startBackgroundTimer } from '../../support/background-timer.ts'
import { groupSignal, startInGroup } from './start-in-group.ts'
import type { StartedWorker, WorkerSettings } from './start-worker.ts'

/** The number of workers, and the signals of the primary process. */
export interface PrimarySettings extends WorkerSettings {
  readonly workers: number
  readonly replaceAt: string
  readonly signals: readonly string[]
}

/** One of so many workers: the present process, which another one follows. */
interface Place {
  worker: StartedWorker
  /** The wait before the next worker, if this one ends soon after its start. */
  waitMs: number
}

/** The means by which a place gets another worker. */
interface Keeper {
  readonly start: () => StartedWorker
  readonly closing: AbortController
  readonly report: (error: unknown) => void
}

/**
 * The shortest and the longest wait before a worker is started again, and the life after which it is started at once.
 */
const [firstMs, longestMs, settledMs] = [1_000, 30_000, 30_000]

/** A signal to the whole group may end a worker before it reaches the primary process. */
const groupMs = 100

/**
 * Starts the workers, and starts another one for each that ends or is replaced.
 *
 * @returns closes all workers.
 * @throws WorkerError when one of the first workers ends before it listens. All others have ended then.
 */
export async function serveInPrimary(settings: PrimarySettings): Promise<() => Promise<void>> {
  const { workers, replaceAt, signals, report } = settings
  const alive = new Set<StartedWorker>()
  const closing = new AbortController()
  // A wait for each worker.
  setMaxListeners(0, closing.signal)
  const keeper = { start, closing, report }
  let isReplacing = true
  let isAskedAgain = false
  const toReplace = groupSignal(replaceAt, () => wait(groupMs, closing))

  function start(): StartedWorker {
    const worker = startInGroup(settings, toReplace)
    alive.add(worker)
    void worker.ended.then(() => alive.delete(worker))
    return worker
  }

  /** Returns whether a new worker has taken the place. */
  async function replace(place: Place): Promise<boolean> {
    const fresh = start()
    try {
      await fresh.listens
    } catch (error) {
      const reason = (error as Error).message
      await wait(groupMs, closing)
      if (!closing.signal.aborted) report(new WorkerError(`the workers are not replaced, and keep serving: ${reason}`))
      return false
    }
    if (closing.signal.aborted) return false
    const old = place.worker
    place.worker = fresh
    void keep(place, keeper)
    await old.stop()
    return true
  }

  async function replaceAll(): Promise<void> {
    isReplacing = true
    while (isAskedAgain) {
      isAskedAgain = false
      for (const place of places) if (closing.signal.aborted || !(await replace(place))) break
    }
    isReplacing = false
  }

  function onReplace(): void {
    toReplace.receive()
    isAskedAgain = true
    if (!isReplacing) void replaceAll()
  }

  async function end(): Promise<void> {
    closing.abort()
    const closed = await Promise.all([...alive].map((worker) => worker.stop()))
    process.off(replaceAt, onReplace)
    const failed = closed.filter((isClosed) => !isClosed).length
    if (failed > 0)
      throw new WorkerError(`${failed} of ${closed.length} workers did not close; \`onError\` has the reasons`)
  }

  process.on(replaceAt, onReplace)
  // Each worker that did not close was reported; the exit code is left.
  const { close } = atSignal(signals, end, () => undefined)
  const places: readonly Place[] = Array.from({ length: workers }, () => ({ worker: start(), waitMs: 0 }))
  try {
    await Promise.all(places.map(({ worker }) => worker.listens))
  } catch (error) {
    await wait(groupMs, closing)
    const isAsked = closing.signal.aborted
    await close().catch(() => undefined)
    if (!isAsked) throw error
  }
  for (const place of places) void keep(place, keeper)
  void replaceAll()
  return close
}

/** Starts another worker in a place, if its worker ends by itself. SVC-24 */
async function keep(place: Place, keeper: Keeper): Promise<void> {
  const { start, closing, report } = keeper
  const { worker } = place
  const isLeft = (): boolean => closing.signal.aborted || place.worker !== worker
  const settled = startBackgroundTimer(() => {
    if (!isLeft()) place.waitMs = 0
  }, settledMs)
  const end = await worker.ended
  clearTimeout(settled)
  await wait(groupMs, closing)
  if (isLeft()) return
  const { waitMs } = place
  report(new WorkerError(`${end}; another worker starts ${waitMs === 0 ? 'now' : `in ${waitMs / 1_000} s`}`))
  place.waitMs = Math.min(longestMs, Math.max(firstMs, waitMs * 2))
  if (waitMs > 0) await wait(waitMs, closing)
  if (isLeft()) return
  place.worker = start()
  void keep(place, keeper)
}

/** Waits, but not longer than until the end of the service. */
async function wait(ms: number, { signal }: AbortController): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch(() => undefined)
}
