// node only: its users read streams
import { type Failure, failedAnswer, type RequestId } from './answers.ts'
import type { Write } from './options.ts'

/** A request without an answer. */
export interface PendingRequest {
  readonly method: string
  /** Whether the gateway may have the signed call. */
  readonly isSent: boolean
}

/** The requests of a client that have no answer yet. Each gets one. */
export interface Requests {
  begin(id: unknown, method: string): void
  markSent(id: unknown): void
  /** A request has its answer. Returns false when it had one already. */
  settle(id: unknown): boolean
  /** Answers a request that still has no answer. */
  fail(id: unknown, why: (request: PendingRequest) => Failure): Promise<void>
  failAll(why: (request: PendingRequest) => Failure): Promise<void>
  /** Waits until each has its answer, at most so many milliseconds. */
  finish(mostMs: number): Promise<void>
  /** From then on, no request gets an answer. */
  forget(): void
}

/** Makes an empty table. */
export function createRequests(write: Write): Requests {
  const pending = new Map<unknown, PendingRequest>()
  let onIdle: () => void = () => undefined

  function settle(id: unknown): boolean {
    const isKnown = pending.delete(id)
    if (pending.size === 0) onIdle()
    return isKnown
  }

  async function fail(id: unknown, why: (request: PendingRequest) => Failure): Promise<void> {
    const request = pending.get(id)
    if (request === undefined) return
    settle(id)
    await write(JSON.stringify(failedAnswer(id as RequestId, request.method, why(request))))
  }

  return {
    begin: (id, method) => void pending.set(id, { method, isSent: false }),
    markSent(id) {
      const request = pending.get(id)
      if (request !== undefined) pending.set(id, { ...request, isSent: true })
    },
    settle,
    fail,
    async failAll(why) {
      for (const id of [...pending.keys()]) await fail(id, why)
    },
    async finish(mostMs) {
      if (pending.size === 0) return
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((settle) => {
        onIdle = settle
        timer = setTimeout(settle, mostMs)
      })
      clearTimeout(timer)
    },
    forget: () => pending.clear(),
  }
}
