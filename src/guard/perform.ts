import type { Confirmation } from '../audit/sink.ts'
import type { Receipt } from '../core/receipt/receipt.ts'
import { abortDeadline, endDeadline, type LazyDeadline, throwIfAborted, waitWithin } from '../support/lazy-deadline.ts'
import { isPromiseLike } from '../support/promise.ts'
import { secondsOf } from '../time.ts'
import type { Ending, RecordedIntent } from './audit-trail.ts'
import { type AllowedCall, createCall, type GuardedRun } from './call.ts'
import type { GuardContext } from './context.ts'
import { isDeadline, openAtMost, waitAtMost } from './deadline.ts'
import { type CallHold, isUncounted } from './hold.ts'
import { type SignReceiptOptions, signReceipt } from './receipt.ts'
import { closed, type GuardRefusal, uncounted, unfound, unrecorded, unreleased } from './refusals.ts'
import type { GuardResult } from './result.ts'
import { errorCode } from './telemetry.ts'
import { createUpstream, type Upstream } from './upstream.ts'

/**
 * Executes an allowed call. The order of the steps is an argument:
 *
 * 1. Intent: on record and confirmed before the handler starts. A call that leaves no trace must not have an effect.
 * 2. Ledger: has the chain before the use of a limit is final.
 *    Limits: the use is final before the handler starts.
 *    Handler: runs with a deadline. It reaches the credential by `fetch` or `lease` alone, where the vault calls back
 *    (`upstream.ts`), in this order:
 *    a. the vault uses up the authorization, checks the rules of the credential and reads the secret
 *       (`src/vault/create-vault.ts` has the order);
 *    b. `recheck`: is the call still within its time, and nothing of its chain revoked? Asked as late as possible;
 *    c. `onRelease`: the release is on record before the secret leaves the vault;
 *    d. the vault sends the request, or returns the lease.
 * 3. End: requests that the handler did not wait for are aborted, so that nothing happens after the outcome.
 * 4. Outcome: recorded for each intent, however the handler ended. It does not wait for step 5.
 * 5. Leases: returned to the origin of the secret, which may be slow.
 * 6. Receipt: signed last, and only for an outcome that is on record, because it refers to that record.
 *
 * @throws the error of the handler, after step 5.
 */
export function perform<Args, T>(
  context: GuardContext,
  call: AllowedCall<Args, T>,
): GuardRefusal | Promise<GuardResult<T>> {
  const { inFlight } = context
  const { command } = call
  if (inFlight.isEnding()) return closed(context, command.command)
  const onRecorded = inFlight.record()
  const begin = (intent: RecordedIntent): Promise<GuardResult<T>> => run(context, { ...call, intent, onRecorded })
  const refuse = (error: unknown): GuardRefusal => {
    onRecorded()
    return unrecorded(context, command.command, error)
  }
  let recorded: RecordedIntent | Promise<RecordedIntent>
  try {
    recorded = recordIntent(context, call)
  } catch (error) {
    return refuse(error)
  }
  return isPromiseLike(recorded) ? recorded.then(begin, refuse) : begin(recorded)
}

/** Step 1. */
function recordIntent<Args, T>(
  { telemetry, trail }: GuardContext,
  { authorization, command, age, hold, signal }: AllowedCall<Args, T>,
): RecordedIntent | Promise<RecordedIntent> {
  return telemetry.span('audit.intent', (set) => {
    set('gen_ai.tool.name', command.command)
    return trail.intent(authorization, command, signal, age, hold)
  })
}

/** Steps 2 to 6. */
async function run<Args, T>(context: GuardContext, work: GuardedRun<Args, T>): Promise<GuardResult<T>> {
  try {
    const { signal } = work
    const { deadlines, inFlight } = context
    const started = performance.now()
    const deadline = openAtMost({ of: 'the handler', limit: 'handlerMs', deadlines, signals: [signal] }, started)
    const stop = inFlight.onEnding((reason) => abortDeadline(deadline, reason))
    const upstream = createUpstream(context, work, deadline)
    const handling = handle<Args, T>(context, work, deadline, upstream)
    const handled = isPromiseLike(handling) ? await handling : handling
    endDeadline(deadline)
    stop()
    const durationMs = performance.now() - started
    const ended = upstream.end('value' in handled ? handled.value : undefined)
    if (ended !== undefined) await ended
    const givenBack = upstream.giveBack()
    const isUnknown = signal?.aborted === true || inFlight.isEnding()
    const ending = { durationMs, ...endingOf(handled, isUnknown), ...upstream.status() }
    const recording = recordOutcome(context, work, ending)
    const written = isPromiseLike(recording) ? await recording : recording
    work.onRecorded()
    if (givenBack !== undefined) await givenBack
    if ('error' in handled) return refusalOf(context, work, handled.error, upstream)
    const signed = 'value' in written ? receiptOf(context, work, handled.value, written.value) : undefined
    const receipt = signed === undefined ? undefined : await signed
    return resultOf(handled.value, receipt, written)
  } finally {
    work.onRecorded()
  }
}

/** Step 2. A handler that answers at once is not waited for, and needs no timer. */
function handle<Args, T>(
  { clock }: GuardContext,
  // The handler is a variable: a function that is called as `work.handler` reaches the authorization by `this`.
  { authorization, command, handler, hold, record, signal }: GuardedRun<Args, T>,
  deadline: LazyDeadline,
  { fetch, lease }: Upstream,
): Settled<T> | Promise<Settled<T>> {
  const start = (): Settled<T> | Promise<Settled<T>> => {
    const answer = handler(createCall<Args>({ authorization, deadline, fetch, lease }))
    if (isPromiseLike(answer)) return settleLater(waitWithin(deadline, answer))
    // It may have aborted its call.
    throwIfAborted(deadline)
    return { value: answer }
  }
  try {
    // GRD-03: without a credential, the start of the handler is the use of the authorization.
    if (command.credential === undefined) authorization.consume(secondsOf(clock))
    throwIfAborted(deadline)
    if (record !== undefined) return startAfter(recordAndCount(record, hold, deadline, signal), deadline, start)
    return hold === undefined ? start() : startAfter(hold.commit(signal), deadline, start)
  } catch (error) {
    return { error }
  }
}

/** The use of a limit is given back if the ledger fails. */
async function recordAndCount(
  record: () => Promise<void>,
  hold: CallHold | undefined,
  deadline: LazyDeadline,
  signal: AbortSignal | undefined,
): Promise<void> {
  await waitWithin(deadline, record())
  await hold?.commit(signal)
}

/** Starts the handler when the ledger has the chain, and the use of the limits is final. */
async function startAfter<T>(
  ready: Promise<void>,
  deadline: LazyDeadline,
  start: () => Settled<T> | Promise<Settled<T>>,
): Promise<Settled<T>> {
  try {
    await ready
    throwIfAborted(deadline)
    return await start()
  } catch (error) {
    return { error }
  }
}

/** A value, or the error in its place. */
type Settled<T> = { readonly value: T } | { readonly error: unknown }

/** Returns a promise only if the task does. */
function settle<T>(task: () => T | Promise<T>): Settled<T> | Promise<Settled<T>> {
  try {
    const value = task()
    return isPromiseLike(value) ? settleLater(value) : { value }
  } catch (error) {
    return { error }
  }
}

async function settleLater<T>(work: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await work }
  } catch (error) {
    return { error }
  }
}

/** @param isAborted - whether the caller has given up, or the guard has closed. */
function endingOf(handled: Settled<unknown>, isAborted: boolean): Pick<Ending, 'code' | 'status'> {
  if ('value' in handled) return { status: 'ok' }
  const { error } = handled
  return { status: isAborted || isDeadline(error) ? 'unknown' : 'error', code: errorCode(error) }
}

/** Step 4. If it fails, the log contains an intent without an outcome, which is true. */
function recordOutcome<Args, T>(
  { telemetry, trail }: GuardContext,
  { command: { command }, intent }: GuardedRun<Args, T>,
  ending: Ending & { readonly durationMs: number },
): Settled<Confirmation> | Promise<Settled<Confirmation>> {
  const { durationMs, status } = ending
  telemetry.event({ name: 'finished', command, status, durationMs })
  const reported = (written: Settled<Confirmation>): Settled<Confirmation> => {
    if ('error' in written) telemetry.error(written.error)
    return written
  }
  const writing = settle(() =>
    telemetry.span('audit.outcome', (set) => {
      set('gen_ai.tool.name', command)
      return trail.outcome(intent, { ...ending, durationMs: Math.round(durationMs) })
    }),
  )
  return isPromiseLike(writing) ? writing.then(reported) : reported(writing)
}

/**
 * A handler may rethrow the error of an unconfirmed release, or of a failed look-up of revocations. The call is then
 * refused, unless an earlier request of it was released: a refused call may be repeated, and this one may have
 * had an effect. Other errors are the handler's own.
 */
function refusalOf<Args, T>(
  context: GuardContext,
  { command }: GuardedRun<Args, T>,
  error: unknown,
  upstream: Upstream,
): GuardRefusal {
  if (isUncounted(error)) return uncounted(context, command.command, error)
  if (upstream.isUnknown(error)) return unfound(context, command.command)
  if (!upstream.isUnrecorded(error)) throw error
  return unreleased(context, command.command, error)
}

/** Step 6. Undefined for a guard without receipts. */
function receiptOf<Args, T>(
  context: GuardContext,
  { authorization }: GuardedRun<Args, T>,
  value: T,
  record: Confirmation,
): Promise<Receipt | undefined> | undefined {
  const { receipts } = context
  const executor = receipts.find(({ did }) => did === authorization.audience) ?? receipts[0]
  return executor && sign(context, { executor, authorization, value, record })
}

async function sign(
  { clock, deadlines, telemetry }: GuardContext,
  {
    executor,
    authorization,
    value,
    record,
  }: Pick<SignReceiptOptions, 'authorization' | 'executor' | 'record' | 'value'>,
): Promise<Receipt | undefined> {
  const signed = await settle(() =>
    waitAtMost({ of: 'the signature of a receipt', limit: 'receiptMs', deadlines }, (signal) =>
      signReceipt({ executor, authorization, value, record, clock, signal }),
    ),
  )
  if ('value' in signed) return signed.value
  telemetry.error(signed.error)
  return undefined
}

function resultOf<T>(value: T, receipt: Receipt | undefined, written: Settled<Confirmation>): GuardResult<T> {
  const recorded = 'value' in written
  const result = { allowed: true as const, value, recorded, ...(receipt !== undefined && { receipt }) }
  if (!recorded) Object.defineProperty(result, 'cause', { value: written.error })
  return Object.freeze(result)
}
