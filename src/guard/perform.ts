import type { Confirmation } from '../audit/sink.ts'
import type { Signer } from '../principal/signer.ts'
import type { Receipt } from '../receipt/receipt.ts'
import type { Clock } from '../time.ts'
import type { Ending } from './audit-trail.ts'
import { createCall, type Handler } from './call.ts'
import { isDeadline, waitAtMost } from './deadline.ts'
import { signReceipt } from './receipt.ts'
import { type GuardRefusal, refuse } from './refuse.ts'
import type { GuardResult } from './result.ts'
import { errorCode } from './telemetry.ts'
import { createUpstream, type Upstream, type UpstreamOptions } from './upstream.ts'

/** What is needed to do what was authorized. */
export interface Performance<Args, T> extends UpstreamOptions {
  readonly clock: Clock
  readonly handler: Handler<Args, T>
  /** Called when the outcome was recorded, or could not be. */
  readonly onRecorded: () => void
  readonly receiptMs: number
  readonly receipts: Signer | undefined
  /** That of the caller, and that of a guard that closes. */
  readonly signals: readonly (AbortSignal | undefined)[]
}

/** How a handler ended. */
type Handled<T> = { readonly value: T } | { readonly error: unknown }

/** What came of the record of an outcome. */
type Written = { readonly record: Confirmation } | { readonly cause: unknown }

/**
 * Does what was authorized and recorded as intended: runs the handler with the credential at hand, takes back what it
 * left open, and records how it ended, whichever way it did.
 *
 * @throws what the handler threw.
 */
export async function perform<Args, T>(work: Performance<Args, T>): Promise<GuardResult<T>> {
  const { command, onRecorded, signals, telemetry } = work
  const started = performance.now()
  let upstream: Upstream | undefined
  const handled = await settled(async () => {
    // GRD-03: without a credential the handler itself is what the authorization counts for.
    if (command.credential === undefined) work.authorization.consume(Math.floor(work.clock.now()))
    return waitAtMost(work.handlerMs, signals, async (bounded) => {
      upstream = createUpstream(work, bounded)
      const { fetch, lease } = upstream
      return work.handler(createCall<Args>({ authorization: work.authorization, signal: bounded, fetch, lease }))
    })
  })
  const durationMs = performance.now() - started
  await upstream?.end('value' in handled ? handled.value : undefined)
  // The outcome does not wait for the origin of a secret.
  const givenBack = upstream?.giveBack()
  const ending = { durationMs, ...endingOf(handled, signals), ...upstream?.status() }
  const written = await write(work, ending)
  onRecorded()
  await givenBack
  if ('error' in handled) {
    if (upstream?.isUnrecorded(handled.error) !== true) throw handled.error
    telemetry.event({ name: 'refused', code: 'audit_unavailable', command: command.command })
    return unreleased(handled.error)
  }
  const receipt = 'record' in written ? await receiptOf(work, handled.value, written.record) : undefined
  return resultOf(handled.value, receipt, written)
}

async function settled<T>(task: () => Promise<T>): Promise<Handled<T>> {
  try {
    return { value: await task() }
  } catch (error) {
    return { error }
  }
}

function endingOf(
  handled: Handled<unknown>,
  signals: readonly (AbortSignal | undefined)[],
): Pick<Ending, 'code' | 'status'> {
  if ('value' in handled) return { status: 'ok' }
  const { error } = handled
  const isUnknown = signals.some((signal) => signal?.aborted) || isDeadline(error)
  return { status: isUnknown ? 'unknown' : 'error', code: errorCode(error) }
}

/** Records how the call ended. If that fails the log shows an intent without an outcome, which is the truth. */
async function write<Args, T>(
  { command: { command }, intent, telemetry, trail }: Performance<Args, T>,
  ending: Ending & { readonly durationMs: number },
): Promise<Written> {
  const { durationMs, status } = ending
  telemetry.event({ name: 'finished', command, status, durationMs })
  try {
    const record = await telemetry.span('audit.outcome', (set) => {
      set('gen_ai.tool.name', command)
      return trail.outcome(intent, { ...ending, durationMs: Math.round(durationMs) })
    })
    return { record }
  } catch (cause) {
    telemetry.error(cause)
    return { cause }
  }
}

async function receiptOf<Args, T>(
  { authorization, clock, receiptMs, receipts: executor, telemetry }: Performance<Args, T>,
  value: T,
  record: Confirmation,
): Promise<Receipt | undefined> {
  if (executor === undefined) return undefined
  try {
    return await waitAtMost(receiptMs, [], (signal) =>
      signReceipt({ executor, authorization, value, record, clock, signal }),
    )
  } catch (error) {
    telemetry.error(error)
    return undefined
  }
}

/** GRD-12 */
function unreleased(cause: unknown): GuardRefusal {
  const message =
    'the audit sink did not confirm the release of the credential, so nothing was sent; `onError` of the guard receives its error'
  return refuse('audit_unavailable', message, 'GRD-12', cause)
}

function resultOf<T>(value: T, receipt: Receipt | undefined, written: Written): GuardResult<T> {
  const recorded = 'record' in written
  const result = { allowed: true as const, value, recorded, ...(receipt !== undefined && { receipt }) }
  if (!recorded) Object.defineProperty(result, 'cause', { value: written.cause })
  return Object.freeze(result)
}
