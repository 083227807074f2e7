// node only: reads the files of a spool
/**
 * Delivery of a spool: one batch after another, in order, each until the endpoint has taken it.
 *
 * @module
 */

import { AuditError } from '../../../errors.ts'
import { type BackOff, sleep, waitAfter } from '../../../support/back-off.ts'
import { withinDeadline } from '../../../support/deadline.ts'
import type { HeldLock } from '../../../support/file-lock/held-lock.ts'
import { quietly } from '../../../support/quietly.ts'
import { quote } from '../../../support/quote.ts'
import { type RecordBatch, readBatch, removeDelivered } from './read-batch.ts'
import { type SpoolCursor, writeCursor } from './spool-cursor.ts'

/** A failed request: the status of the response, or the error of `fetch`. */
export interface DeliveryFailure {
  readonly status?: number
  readonly cause?: unknown
  /** Records in the spool that were not delivered. */
  readonly waiting: number
}

/** Where a spool is, and how its records are sent. */
export interface DeliveryOptions {
  readonly directory: string
  readonly prefix: string
  readonly lock: HeldLock
  readonly url: URL
  readonly headers: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  readonly fetch: typeof fetch
  /** Most records of one request. */
  readonly maxRecords: number
  readonly maxRequestBytes: number
  readonly timeoutMs: number
  readonly backOff: BackOff
  readonly onFailure: ((failure: DeliveryFailure) => void) | undefined
}

/** The delivery of a spool. */
export interface Delivery {
  /** The place behind the last record delivered. */
  cursor(): SpoolCursor
  /** Records that are confirmed and not delivered. */
  waiting(): number
  /** Reports that the records up to this number are confirmed, and may be sent. */
  confirm(sequence: number): void
  /** Resolves when the records that are confirmed now were delivered; rejects with the reason of the signal. */
  delivered(signal: AbortSignal | undefined): Promise<void>
  /** Aborts the request that is under way, and resolves when nothing more is sent. */
  stop(): Promise<void>
}

/** The state of a delivery, and the means to wake and stop it. */
interface State extends DeliveryOptions {
  cursor: SpoolCursor
  confirmed: number
  /** Records of the next request: fewer than `maxRecords` after a 413. */
  batchSize: number
  /** Ends the wait for a new record. */
  wake: () => void
  readonly stopping: AbortController
  /** Called after each delivered batch. */
  readonly onDelivered: Set<() => void>
}

/** Why a batch was not delivered. */
interface Failure {
  /** The wait that the endpoint asked for; 0 by default. */
  readonly retryAfterMs: number
}

/**
 * Starts to deliver a spool.
 *
 * @param cursor - the place behind the last record delivered.
 * @param confirmed - number of the last record that may be sent.
 */
export function startDelivery(options: DeliveryOptions, cursor: SpoolCursor, confirmed: number): Delivery {
  const state: State = {
    ...options,
    cursor,
    confirmed,
    batchSize: options.maxRecords,
    wake: () => undefined,
    stopping: new AbortController(),
    onDelivered: new Set(),
  }
  const running = deliverAll(state)
  return {
    cursor: () => state.cursor,
    waiting: () => waitingIn(state),
    confirm(sequence) {
      state.confirmed = Math.max(state.confirmed, sequence)
      state.wake()
    },
    delivered: (signal) => untilDelivered(state, signal),
    async stop() {
      state.stopping.abort()
      state.wake()
      await running
    },
  }
}

function waitingIn({ confirmed, cursor }: State): number {
  return confirmed - cursor.sequence
}

async function deliverAll(state: State): Promise<void> {
  const { backOff, stopping } = state
  let failures = 0
  while (!stopping.signal.aborted) {
    const failure = await deliverNext(state)
    if (failure === 'idle') await untilWoken(state)
    else if (failure === undefined) failures = 0
    else {
      failures++
      await sleep(waitAfter(failures, backOff, failure.retryAfterMs), stopping.signal)
    }
  }
}

function untilWoken(state: State): Promise<void> {
  return new Promise((resolve) => {
    state.wake = resolve
    if (waitingIn(state) > 0 || state.stopping.signal.aborted) resolve()
  })
}

/**
 * Sends one batch. Returns `idle` when no batch waits, and the failure of a batch. Never throws, so that delivery
 * continues.
 */
async function deliverNext(state: State): Promise<Failure | 'idle' | undefined> {
  const { directory, prefix, lock, stopping } = state
  try {
    if (!lock.isHeld()) throw lost(directory)
    const { confirmed, batchSize, maxRequestBytes } = state
    const batch = readBatch(directory, prefix, state.cursor, {
      confirmed,
      maxRecords: batchSize,
      maxBytes: maxRequestBytes,
    })
    if (batch === undefined && waitingIn(state) > 0) {
      throw new AuditError('ERR_AUDIT_INTEGRITY', `the spool ${quote(directory, 256)} has lost records`)
    }
    if (batch === undefined) return 'idle'
    const response = await post(state, batch)
    // The rest of the response is not used, and its end need not be waited for.
    response.body?.cancel().catch(() => undefined)
    if (!response.ok) return refusedBy(response, state)
    state.cursor = batch.next
    state.batchSize = state.maxRecords
    for (const look of state.onDelivered) look()
    if (!(await writeCursor(directory, prefix, state.cursor, lock))) throw lost(directory)
    removeDelivered(directory, prefix, state.cursor)
    return undefined
  } catch (cause) {
    if (!stopping.signal.aborted) report(state, { cause })
    return { retryAfterMs: 0 }
  }
}

/** Another process delivers now. */
function lost(directory: string): AuditError {
  return new AuditError('ERR_AUDIT_INTEGRITY', `the spool ${quote(directory, 256)} has another writer`)
}

/** `headers`, and a custom `fetch`, may ignore the signal: the deadline ends the wait for them too. */
function post(state: State, { body, first, last }: RecordBatch): Promise<Response> {
  const { fetch: request, headers, prefix, stopping, timeoutMs, url } = state
  const own = { 'content-type': 'application/x-ndjson', 'idempotency-key': `${prefix}-${first}-${last}` }
  const reason = (): DOMException =>
    new DOMException(`the endpoint of the audit log did not respond within ${timeoutMs} ms`, 'TimeoutError')
  return withinDeadline(timeoutMs, { signals: [stopping.signal], reason }, async (signal) => {
    const given = await headers()
    signal.throwIfAborted()
    return request(url, { method: 'POST', headers: { ...given, ...own }, body, redirect: 'manual', signal })
  })
}

function refusedBy({ status, headers }: Response, state: State): Failure {
  // A batch that is too large for the endpoint: a smaller one may pass.
  if (status === 413) state.batchSize = Math.max(1, Math.floor(state.batchSize / 2))
  report(state, { status })
  const seconds = headers.get('retry-after') ?? ''
  return { retryAfterMs: /^[0-9]{1,6}$/.test(seconds) ? Number(seconds) * 1000 : 0 }
}

function report(state: State, failure: Omit<DeliveryFailure, 'waiting'>): void {
  const { onFailure } = state
  quietly(() => onFailure?.({ ...failure, waiting: waitingIn(state) }))
}

function untilDelivered(state: State, signal: AbortSignal | undefined): Promise<void> {
  const goal = state.confirmed
  return new Promise((resolve, reject) => {
    const end = (): void => {
      state.onDelivered.delete(look)
      signal?.removeEventListener('abort', onAbort)
    }
    const look = (): void => {
      if (state.cursor.sequence < goal) return
      end()
      resolve()
    }
    const onAbort = (): void => {
      end()
      reject(signal?.reason)
    }
    state.onDelivered.add(look)
    signal?.addEventListener('abort', onAbort)
    look()
    if (signal?.aborted) onAbort()
  })
}
