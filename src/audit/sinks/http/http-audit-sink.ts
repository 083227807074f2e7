// node only: spools to files
/**
 * Records to an HTTP endpoint, by way of a spool on this machine's disk.
 *
 * @module
 */

import { ArgumentError, AuditError } from '../../../errors.ts'
import { type BackOff, sleep, waitAfter } from '../../../support/back-off.ts'
import { withinDeadline } from '../../../support/deadline.ts'
import { isConfidential } from '../../../support/loopback.ts'
import {
  abortSignal,
  callback,
  integerFrom,
  maybe,
  milliseconds,
  nonEmptyString,
  numberFrom,
  objectValue,
  oneOfStrings,
  readOptions,
} from '../../../support/options.ts'
import { quietly } from '../../../support/quietly.ts'
import { quote } from '../../../support/quote.ts'
import { setUp } from '../../configuration.ts'
import type { AuditEvent } from '../../events/event.ts'
import { auditHistory, type LoggedEvent } from '../../history.ts'
import type { AuditSink, Confirmation } from '../../sink.ts'
import { type JsonlAuditSink, type JsonlAuditSinkOptions, openJsonlLog } from '../jsonl/jsonl-audit-sink.ts'
import { type RecordBatch, readBatch, removeDelivered } from './read-batch.ts'
import { cursorPath, readCursor, type SpoolCursor, writeCursor } from './spool-cursor.ts'

/** Options of {@link openHttpAuditSink}; those of the spool are the ones of a log in files. */
export interface HttpAuditSinkOptions
  extends Pick<JsonlAuditSinkOptions, 'directory' | 'prefix' | 'sync' | 'maxBytes' | 'maxAge'> {
  /** Where records are posted as `application/x-ndjson`, one line each. `https`, or `http` to this machine. */
  readonly url: string
  /** Headers of each request, asked for each time: so an access token can be short-lived, and is kept nowhere here. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Default: the platform's. */
  readonly fetch?: typeof fetch
  /** Records that may wait in the spool; beyond that events are refused. Default 100,000. */
  readonly maxWaiting?: number
  /** Records of one request. Default 500. */
  readonly maxRecords?: number
  /** Length of one request in bytes. Default 1 MiB. */
  readonly maxRequestBytes?: number
  /** How long a request may take. Default 10,000. */
  readonly timeoutMs?: number
  /** Waits between failed requests. Default half a second to a minute. */
  readonly backOff?: BackOff
  /** Called for each failed request, with why it failed: a status, or what `fetch` threw. What it throws is ignored. */
  readonly onFailure?: (failure: {
    readonly status?: number
    readonly cause?: unknown
    readonly waiting: number
  }) => void
  /** For messages. Default the origin of the URL. */
  readonly name?: string
}

/** A sink with a spool. */
export interface HttpAuditSink extends AuditSink {
  /** Records in the spool that were not delivered. */
  waiting(): number
  /** Resolves when every record that is confirmed now was delivered; rejects when the signal is aborted before. */
  delivered(options: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/**
 * Confirms an event when it is on the disk, and delivers it afterwards: in order, as often as it takes, also over
 * restarts. So the endpoint can be down without stopping the service, and nothing is dropped. AUD-20
 *
 * A batch can arrive twice, when the answer was lost: the header `idempotency-key` and the numbers of the records tell.
 * Redirects are not followed. A spool that is full refuses. AUD-21
 *
 * @throws ArgumentError for a URL without protection on the way; AuditError when the spool cannot be used, or is behind
 *   its cursor.
 */
export async function openHttpAuditSink(options: HttpAuditSinkOptions): Promise<HttpAuditSink> {
  readOptions('openHttpAuditSink', options, {
    url: nonEmptyString,
    directory: nonEmptyString,
    prefix: maybe(nonEmptyString),
    sync: maybe(oneOfStrings('group', 'always', 'none')),
    maxBytes: maybe(numberFrom(4_096)),
    maxAge: maybe(numberFrom(1)),
    headers: maybe(callback),
    fetch: maybe(callback),
    maxWaiting: maybe(numberFrom(1)),
    maxRecords: maybe(integerFrom(1)),
    maxRequestBytes: maybe(integerFrom(131_072)),
    timeoutMs: maybe(milliseconds),
    backOff: maybe(objectValue),
    onFailure: maybe(callback),
    name: maybe(nonEmptyString),
  })
  readOptions('openHttpAuditSink: `backOff`', options.backOff ?? { firstMs: 1, maxMs: 1 }, {
    firstMs: milliseconds,
    maxMs: milliseconds,
  })
  const { url, headers = () => ({}), fetch: request = fetch, directory, prefix = 'spool', onFailure } = options
  const { maxWaiting = 100_000, maxRecords = 500, maxRequestBytes = 1024 * 1024, timeoutMs = 10_000 } = options
  const { backOff = { firstMs: 500, maxMs: 60_000 } } = options
  const target = endpoint(url)
  const { name = target.origin } = options
  const { sync, maxBytes, maxAge } = options
  const policy = { ...(sync && { sync }), ...(maxBytes && { maxBytes }), ...(maxAge && { maxAge }) }
  const { sink: spool, lock } = await openJsonlLog({ directory, prefix, name, ...policy })
  let cursor = await readOrClose(spool, directory, prefix)
  let confirmed = spool.position().sequence
  let records = maxRecords
  let wake: () => void = () => undefined
  const stopping = new AbortController()
  const waiters = new Set<() => void>()
  const delivery = deliver()

  async function deliver(): Promise<void> {
    let failures = 0
    while (!stopping.signal.aborted) {
      const failure = await deliverNext()
      if (failure === 'idle') {
        await new Promise<void>((resolve) => {
          wake = resolve
          if (confirmed > cursor.sequence || stopping.signal.aborted) resolve()
        })
      } else if (failure !== undefined) {
        failures++
        await sleep(waitAfter(failures, backOff, failure.retryAfterMs), stopping.signal)
      } else failures = 0
    }
  }

  /** Sends one batch; tells when there was none, and how it failed. Never throws: delivery goes on whatever happens. */
  async function deliverNext(): Promise<Failure | 'idle' | undefined> {
    try {
      if (!lock.isHeld()) throw lost()
      const limits = { confirmed, maxRecords: records, maxBytes: maxRequestBytes }
      const batch = readBatch(directory, prefix, cursor, limits)
      if (batch === undefined && confirmed > cursor.sequence) {
        throw new AuditError('ERR_AUDIT_INTEGRITY', `the spool ${quote(directory, 256)} has lost records`)
      }
      if (batch === undefined) return 'idle'
      const answer = await post(batch)
      // How the rest of it ends is nobody's concern, and need not be waited for.
      answer.body?.cancel().catch(() => undefined)
      if (!answer.ok) return failed(answer)
      cursor = batch.next
      records = maxRecords
      for (const look of waiters) look()
      if (!(await writeCursor(directory, prefix, cursor, lock))) throw lost()
      removeDelivered(directory, prefix, cursor)
      return undefined
    } catch (cause) {
      if (!stopping.signal.aborted) quietly(() => onFailure?.({ cause, waiting: confirmed - cursor.sequence }))
      return { retryAfterMs: 0 }
    }
  }

  /** Another process delivers now. */
  function lost(): AuditError {
    return new AuditError('ERR_AUDIT_INTEGRITY', `the spool ${quote(directory, 256)} has another writer`)
  }

  async function post({ body, first, last }: RecordBatch): Promise<Response> {
    const own = { 'content-type': 'application/x-ndjson', 'idempotency-key': `${prefix}-${first}-${last}` }
    return withinDeadline(timeoutMs, { signals: [stopping.signal] }, async (signal) => {
      const given = await headers()
      signal.throwIfAborted()
      return request(target, { method: 'POST', headers: { ...given, ...own }, body, redirect: 'manual', signal })
    })
  }

  function failed({ status, headers: answered }: Response): Failure {
    // Too large for the endpoint: smaller ones may pass.
    if (status === 413) records = Math.max(1, Math.floor(records / 2))
    quietly(() => onFailure?.({ status, waiting: confirmed - cursor.sequence }))
    const seconds = answered.get('retry-after') ?? ''
    return { retryAfterMs: /^[0-9]{1,6}$/.test(seconds) ? Number(seconds) * 1000 : 0 }
  }

  async function append(
    event: AuditEvent,
    given: { readonly signal?: AbortSignal | undefined },
  ): Promise<Confirmation> {
    const waiting = spool.position().sequence - cursor.sequence
    if (waiting >= maxWaiting) {
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `${waiting} audit records wait to be delivered to ${quote(name)}`)
    }
    const confirmation = await spool.append(event, given)
    confirmed = Math.max(confirmed, confirmation.sequence ?? 0)
    wake()
    return confirmation
  }

  async function delivered(options: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    const { signal } = readOptions('delivered', options, { signal: maybe(abortSignal) })
    const goal = confirmed
    return new Promise((resolve, reject) => {
      const end = (): void => {
        waiters.delete(look)
        signal?.removeEventListener('abort', onAbort)
      }
      const look = (): void => {
        if (cursor.sequence < goal) return
        end()
        resolve()
      }
      const onAbort = (): void => {
        end()
        reject(signal?.reason)
      }
      waiters.add(look)
      signal?.addEventListener('abort', onAbort)
      look()
      if (signal?.aborted) onAbort()
    })
  }

  /** What is in the spool, and of what was removed from it the intents without an outcome. */
  async function* newestFirst(given: {
    readonly signal?: AbortSignal | undefined
  }): AsyncGenerator<readonly LoggedEvent[], void> {
    let lowest = Number.POSITIVE_INFINITY
    for await (const page of spool.history?.newestFirst(given) ?? []) {
      lowest = Math.min(lowest, page.at(-1)?.sequence ?? lowest)
      yield page
    }
    // A file that was removed while others were read is behind the cursor by now.
    yield cursor.open.filter(({ sequence }) => sequence < lowest).reverse()
  }

  async function close(): Promise<void> {
    stopping.abort()
    wake()
    await delivery
    await spool.close()
  }

  const history = auditHistory({ inherited: spool.history?.inherited ?? 0, newestFirst })
  return Object.freeze({ name, append, close, delivered, history, waiting: () => confirmed - cursor.sequence })
}

interface Failure {
  readonly retryAfterMs: number
}

async function readOrClose(spool: JsonlAuditSink, directory: string, prefix: string): Promise<SpoolCursor> {
  const path = cursorPath(directory, prefix)
  try {
    const cursor = setUp(`the cursor ${quote(path, 256)} cannot be read; let this process read it`, () =>
      readCursor(directory, prefix),
    )
    if (cursor.sequence > spool.position().sequence) {
      throw new AuditError('ERR_AUDIT_INTEGRITY', `${quote(path, 256)} is ahead of its spool, which has lost records`)
    }
    return cursor
  } catch (error) {
    await spool.close()
    throw error
  }
}

function endpoint(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined
  if (target === undefined || !isConfidential(target)) {
    throw new ArgumentError('openHttpAuditSink: `url` must be an absolute https URL, or an http URL of this machine')
  }
  if (target.username !== '' || target.password !== '') {
    throw new ArgumentError('openHttpAuditSink: `url` must be without user name and password; use `headers`')
  }
  return target
}
