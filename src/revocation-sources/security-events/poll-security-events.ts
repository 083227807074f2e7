import { StoreError } from '../../errors.ts'
import { sleep, waitAfter } from '../../support/back-off.ts'
import { withinDeadline } from '../../support/deadline.ts'
import {
  callback,
  flag,
  integerFrom,
  maybe,
  milliseconds,
  type OptionChecks,
  type Read,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { quietly } from '../../support/quietly.ts'
import { confidentialUrl } from '../confidential-url.ts'
import { readBody } from '../read-body.ts'
import type { SetRefusal } from './refusal.ts'
import type { SecurityEventReceiver } from './security-event-receiver.ts'

/** Options of {@link pollSecurityEvents}. */
export interface PollSecurityEventsOptions {
  /** The address at which the transmitter is polled: `https:`, or `http:` on this machine. */
  readonly url: string
  /** Processes the tokens. */
  readonly receiver: Pick<SecurityEventReceiver, 'receive'>
  /**
   * Returns further headers of a request, for example `authorization`. Called for each request. Default: no headers.
   */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Asks the transmitter to respond at once, also without tokens. Default false: it may wait for one. */
  readonly returnImmediately?: boolean
  /** Most tokens of a response. Default 50. */
  readonly maxEvents?: number
  /** Least milliseconds from one request to the next when no tokens are left. Default 5,000. */
  readonly intervalMs?: number
  /** Milliseconds for a response. Default 60,000. */
  readonly timeoutMs?: number
  /** Longest wait after a failure, in milliseconds. Default 30,000. */
  readonly maxRetryMs?: number
  /** Default: the `fetch` of the platform. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>
  /** Receives each failure. Its own errors are ignored. */
  readonly onError?: (error: unknown) => void
}

/** The polling of a transmitter. */
export interface SecurityEventPolling {
  /** Seconds since the transmitter had no further tokens, and all were processed; infinite before the first time. */
  ageSeconds(): number
  /** Ends the polling. Tokens that were processed but not acknowledged are sent again to the next one. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const optionChecks = Object.freeze({
  url: confidentialUrl,
  receiver: withMethod('receive'),
  headers: maybe(callback),
  returnImmediately: withDefault(flag, false),
  maxEvents: withDefault(integerFrom(1, 100), 50),
  intervalMs: withDefault(milliseconds, 5_000),
  timeoutMs: withDefault(milliseconds, 60_000),
  maxRetryMs: withDefault(milliseconds, 30_000),
  fetch: maybe(callback),
  onError: maybe(callback),
}) satisfies OptionChecks<PollSecurityEventsOptions>

type Settings = Read<PollSecurityEventsOptions, typeof optionChecks>

/** Most characters of a response: 100 of the longest tokens. */
const maxResponseLength = 6_815_744
const firstRetryMs = 500

/** The tokens of a response by their `jti`, and whether there are more. */
interface Received {
  readonly sets: ReadonlyMap<string, string>
  readonly moreAvailable: boolean
}

/** The body of a request (RFC 8936, section 2.2). */
interface Outcome {
  readonly ack: string[]
  readonly setErrs: Record<string, SetRefusal>
}

/**
 * Polls a transmitter of Security Event Tokens (RFC 8936). A token is acknowledged, with the next request, after its
 * revocations are stored; a refusal is reported to the transmitter. A token that could not be processed is neither, so
 * the transmitter sends it again.
 *
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { pollSecurityEvents } from 'procura/revocation/security-events'
 *
 * const polling = pollSecurityEvents({
 *   url: 'https://idp.example/events',
 *   receiver,
 *   headers: () => ({ authorization: `Bearer ${readerToken}` }),
 * })
 * ```
 */
export function pollSecurityEvents(options: PollSecurityEventsOptions): SecurityEventPolling {
  const settings: Settings = readOptions('pollSecurityEvents', options, optionChecks)
  const stopping = new AbortController()
  let completeMs: number | undefined
  const polling = poll(settings, stopping.signal, () => {
    completeMs = performance.now()
  })
  async function close(): Promise<void> {
    stopping.abort(new StoreError('the polling was closed'))
    await polling
  }
  return Object.freeze({
    ageSeconds: () => (completeMs === undefined ? Number.POSITIVE_INFINITY : (performance.now() - completeMs) / 1_000),
    close,
    [Symbol.asyncDispose]: close,
  })
}

async function poll(settings: Settings, signal: AbortSignal, isComplete: () => void): Promise<void> {
  const { receiver, intervalMs, maxRetryMs, onError } = settings
  const report = (error: unknown): void => void quietly(() => onError?.(error))
  let outcome = nothing()

  /** Returns the milliseconds from the start of this request to the next one, at least. */
  async function pollOnce(): Promise<number> {
    const { sets, moreAvailable } = await ask(settings, outcome, signal)
    outcome = nothing()
    let isNew = false
    let failure: unknown
    for (const [id, token] of sets) {
      try {
        const reception = await receiver.receive(token, { signal })
        // RVK-45
        if (reception.accepted) outcome.ack.push(id)
        else outcome.setErrs[id] = reception.refusal
        isNew ||= reception.accepted && !reception.repeated
      } catch (error) {
        failure ??= error
      }
    }
    if (failure !== undefined) throw failure
    if (!moreAvailable) isComplete()
    if (!moreAvailable && sets.size === 0) return intervalMs
    // A transmitter that sends the same tokens or none at all without an end would otherwise be asked without a pause.
    return isNew ? 0 : Math.min(firstRetryMs, intervalMs)
  }

  for (let failures = 0; !signal.aborted; ) {
    const startedMs = performance.now()
    try {
      const leastMs = await pollOnce()
      failures = 0
      if (leastMs > 0) await sleep(Math.max(0, leastMs - (performance.now() - startedMs)), signal)
    } catch (error) {
      if (signal.aborted) return
      report(error)
      failures += 1
      await sleep(waitAfter(failures, { firstMs: Math.min(firstRetryMs, maxRetryMs), maxMs: maxRetryMs }), signal)
    }
  }
}

function nothing(): Outcome {
  // A `jti` can be any string, `__proto__` included.
  return { ack: [], setErrs: Object.create(null) as Record<string, SetRefusal> }
}

async function ask(settings: Settings, { ack, setErrs }: Outcome, closing: AbortSignal): Promise<Received> {
  const { url, headers, fetch, maxEvents, returnImmediately, timeoutMs } = settings
  const send = fetch ?? globalThis.fetch
  const reason = (): StoreError => new StoreError(`the transmitter did not respond within ${timeoutMs} ms`)
  return withinDeadline(timeoutMs, { signals: [closing], reason }, async (signal) => {
    const response = await send(url, {
      method: 'POST',
      headers: { ...(await headers?.()), accept: 'application/json', 'content-type': 'application/json' },
      body: JSON.stringify({ maxEvents, returnImmediately, ack, ...(Object.keys(setErrs).length > 0 && { setErrs }) }),
      redirect: 'error',
      credentials: 'omit',
      cache: 'no-store',
      signal,
    })
    const [type = ''] = (response.headers.get('content-type') ?? '').split(';')
    if (response.status !== 200 || response.redirected || type.trim().toLowerCase() !== 'application/json') {
      response.body?.cancel().catch(() => undefined)
      throw new StoreError(
        `the transmitter responded with status ${response.status}; it must be 200 and application/json`,
      )
    }
    return readResponse(await readBody(response.body, { most: maxResponseLength, of: 'the response', signal }))
  })
}

/**
 * Reads a response (RFC 8936, section 2.3). Members that it does not define are ignored.
 *
 * @throws StoreError when it is malformed.
 */
function readResponse(text: string): Received {
  const { sets, moreAvailable = false } = Object(parse(text)) as {
    readonly sets?: unknown
    readonly moreAvailable?: unknown
  }
  const all = Object.entries(Object(sets) as Readonly<Record<string, unknown>>)
  const isResponse =
    typeof sets === 'object' &&
    sets !== null &&
    !Array.isArray(sets) &&
    typeof moreAvailable === 'boolean' &&
    all.every(([, token]) => typeof token === 'string')
  if (!isResponse) throw malformed()
  return { sets: new Map(all as [string, string][]), moreAvailable }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed()
  }
}

function malformed(): StoreError {
  return new StoreError('the response of the transmitter is malformed; it must be an object with `sets`')
}
