/**
 * A time limit that costs nothing until it is needed: its timer starts when there is something to wait for, and its
 * AbortSignal is made when somebody reads it. Most work of a guard ends at once, and never asks for a signal.
 *
 * @module
 */

import { withLazySignal } from './lazy-signal.ts'
import { listenToAbort } from './listen-to-abort.ts'

/** A time limit for some work, which the signals of callers may end earlier. Its fields are for this file. */
export interface LazyDeadline {
  readonly signals: readonly (AbortSignal | undefined)[]
  readonly milliseconds: number
  readonly reason: () => unknown
  readonly openedAt: number
  hasBegun: boolean
  timer: ReturnType<typeof setTimeout> | undefined
  follow: (() => void) | undefined
  controller: AbortController | undefined
  /** The options that were made for it. */
  options: SignalOptions | undefined
  listeners: ((reason: unknown) => void)[]
  isAborted: boolean
  abortReason: unknown
}

/** Options that may have a signal. */
export interface AbortOptions {
  readonly signal?: AbortSignal | undefined
}

/** Options with a signal that is made when it is read. */
export interface SignalOptions {
  readonly signal: AbortSignal
}

/** Leads from options to their deadline. */
const deadlineKey: unique symbol = Symbol('deadline')

/**
 * Opens a deadline. It begins with the first wait, or when its signal is read.
 *
 * @param reason - makes the abort reason at the time limit.
 * @param openedAt - from where the time counts, as of `performance.now()`. Default: now.
 */
export function openDeadline(
  signals: readonly (AbortSignal | undefined)[],
  milliseconds: number,
  reason: () => unknown,
  openedAt: number = performance.now(),
): LazyDeadline {
  return {
    signals,
    milliseconds,
    reason,
    openedAt,
    hasBegun: false,
    timer: undefined,
    follow: undefined,
    controller: undefined,
    options: undefined,
    listeners: [],
    isAborted: false,
    abortReason: undefined,
  }
}

/** Starts the timer, and listens to the signals of the callers. */
export function beginDeadline(deadline: LazyDeadline): void {
  if (deadline.hasBegun) return
  deadline.hasBegun = true
  // Not `AbortSignal.any` with `AbortSignal.timeout`: on Node 20 it may never fire after a garbage collection, and it
  // leaks memory at each signal that it follows.
  const { signals, milliseconds, openedAt } = deadline
  const left = Math.max(0, milliseconds - Math.floor(performance.now() - openedAt))
  deadline.timer = setTimeout(() => abortDeadline(deadline, deadline.reason()), left)
  const aborted = abortedAmong(signals)
  if (aborted !== undefined) abortDeadline(deadline, aborted.reason)
  if (aborted !== undefined || signals.every((signal) => signal === undefined)) return
  deadline.follow = () => abortDeadline(deadline, abortedAmong(signals)?.reason)
  for (const signal of signals) if (signal !== undefined) listenToAbort(signal, deadline.follow)
}

/** Aborts the work. Listeners of the library are called before those of the signal. */
export function abortDeadline(deadline: LazyDeadline, reason: unknown): void {
  if (deadline.isAborted) return
  deadline.isAborted = true
  deadline.abortReason = reason
  for (const listener of deadline.listeners.splice(0)) listener(reason)
  deadline.controller?.abort(reason)
}

/** Throws the reason if the deadline is aborted, or a signal of a caller is. */
export function throwIfAborted(deadline: LazyDeadline): void {
  if (!deadline.isAborted) {
    const aborted = abortedAmong(deadline.signals)
    if (aborted === undefined) return
    abortDeadline(deadline, aborted.reason)
  }
  throw deadline.abortReason
}

/** Calls back when the deadline is aborted, at most once, and not after its end. */
export function onAbort(deadline: LazyDeadline, listener: (reason: unknown) => void): void {
  deadline.listeners.push(listener)
}

/** Stops the timer. The signal still follows the signals of the callers. */
export function clearDeadline(deadline: LazyDeadline): void {
  clearTimeout(deadline.timer)
}

/**
 * Stops the timer and removes all listeners: a long-lived signal would otherwise collect one from each call. The signal
 * stays as it is, also if it is read later.
 */
export function endDeadline(deadline: LazyDeadline): void {
  deadline.hasBegun = true
  clearTimeout(deadline.timer)
  if (deadline.listeners.length > 0) deadline.listeners = []
  const { follow, signals } = deadline
  if (follow === undefined) return
  deadline.follow = undefined
  for (const signal of signals) signal?.removeEventListener('abort', follow)
}

/** The signal, which is made now if nobody has read it before. */
export function signalOf(deadline: LazyDeadline): AbortSignal {
  beginDeadline(deadline)
  if (deadline.controller === undefined) {
    deadline.controller = new AbortController()
    if (deadline.isAborted) deadline.controller.abort(deadline.abortReason)
  }
  return deadline.controller.signal
}

/** Options for other code, with the signal as a getter of their own, so that a copy by spreading has it too. */
export function signalOptions(deadline: LazyDeadline): SignalOptions {
  const options = withLazySignal({ [deadlineKey]: deadline }, () => signalOf(deadline))
  deadline.options = options
  return options
}

/** The same, with the getter in the prototype, which costs a tenth. For code that only calls {@link abortedIn}. */
export function lightOptions(deadline: LazyDeadline): SignalOptions {
  const options = new LightOptions(deadline)
  deadline.options = options
  return options
}

class LightOptions implements SignalOptions {
  readonly [deadlineKey]: LazyDeadline

  constructor(deadline: LazyDeadline) {
    this[deadlineKey] = deadline
  }

  get signal(): AbortSignal {
    return signalOf(this[deadlineKey])
  }
}

/**
 * Options with the signal that the given ones have now, for a caller who may change them before they are used. The
 * signal of a deadline is not made for it.
 */
export function keepSignal(options: AbortOptions): AbortOptions {
  return deadlineOf(options) === undefined ? { signal: options.signal } : options
}

/**
 * Whether the signal of options is aborted, without making it.
 *
 * @returns the reason, in an object; undefined if it is not aborted.
 */
export function abortedIn(options: AbortOptions): { readonly reason: unknown } | undefined {
  const deadline = deadlineOf(options)
  if (deadline === undefined) return abortedAmong([options.signal])
  return deadline.isAborted ? { reason: deadline.abortReason } : abortedAmong(deadline.signals)
}

/** The deadline for which options were made. In a copy of them, the signal may be another one. */
function deadlineOf(options: AbortOptions): LazyDeadline | undefined {
  const { [deadlineKey]: deadline } = options as { readonly [deadlineKey]?: LazyDeadline }
  return deadline?.options === options ? deadline : undefined
}

/**
 * Settles as the work does, or rejects with the reason when the deadline is aborted first. The work continues, and its
 * later result is ignored: a late rejection is not an unhandled one. Call {@link endDeadline} afterwards.
 */
export function waitWithin<T>(deadline: LazyDeadline, work: PromiseLike<T>): Promise<T> {
  beginDeadline(deadline)
  return new Promise<T>((resolve, reject) => {
    if (deadline.isAborted) reject(deadline.abortReason)
    else deadline.listeners.push(reject)
    adopt(work).then(resolve, reject)
  })
}

/**
 * A promise of this realm for the result. An object with a method `then` may pass on a promise that never settles. The
 * wait would then ignore the deadline.
 */
async function adopt<T>(work: PromiseLike<T>): Promise<T> {
  return await work
}

function abortedAmong(signals: readonly (AbortSignal | undefined)[]): AbortSignal | undefined {
  for (const signal of signals) if (signal?.aborted) return signal
  return undefined
}
