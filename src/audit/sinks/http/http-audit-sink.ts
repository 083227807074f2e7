// node only: spools to files
/**
 * Records to an HTTP endpoint, by way of a spool on the disk of this machine.
 *
 * @module
 */

import { ArgumentError, AuditError } from '../../../errors.ts'
import type { BackOff } from '../../../support/back-off.ts'
import { isConfidential } from '../../../support/loopback.ts'
import {
  abortSignal,
  callback,
  integerFrom,
  maybe,
  milliseconds,
  nonEmptyString,
  numberFrom,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { setUp } from '../../configuration.ts'
import type { AuditEvent } from '../../events/event.ts'
import { type AuditHistory, auditHistory, type LoggedEvent } from '../../history.ts'
import type { AuditSink, Confirmation } from '../../sink.ts'
import { type JsonlAuditSink, type JsonlAuditSinkOptions, openJsonlLog } from '../jsonl/jsonl-audit-sink.ts'
import { type Delivery, type DeliveryFailure, startDelivery } from './delivery.ts'
import { cursorPath, readCursor, type SpoolCursor } from './spool-cursor.ts'

/**
 * Options of {@link openHttpAuditSink}. `directory`, `prefix`, `sync`, `maxBytes`, `maxAge` and `onWait` are those of
 * the spool.
 */
export interface HttpAuditSinkOptions
  extends Pick<JsonlAuditSinkOptions, 'directory' | 'prefix' | 'sync' | 'maxBytes' | 'maxAge' | 'onWait'> {
  /**
   * Where records are posted as `application/x-ndjson`, one record a line. An `https` URL, or `http` to this machine.
   */
  readonly url: string
  /** Returns the headers of each request, for example with a short-lived access token. They are not kept. */
  readonly headers?: () => Readonly<Record<string, string>> | Promise<Readonly<Record<string, string>>>
  /** Default: the platform's. */
  readonly fetch?: typeof fetch
  /** Most records that may wait in the spool, with those being written; further events are refused. Default 100,000. */
  readonly maxWaiting?: number
  /** Most records of one request. Default 500. */
  readonly maxRecords?: number
  /** Most bytes of one request. Default 1 MiB. */
  readonly maxRequestBytes?: number
  /** Milliseconds until a request times out. Default 10,000. */
  readonly timeoutMs?: number
  /** Waits between failed requests. Default from half a second to a minute. */
  readonly backOff?: BackOff
  /** Called for each failed request. An error that it throws is ignored. */
  readonly onFailure?: (failure: DeliveryFailure) => void
  /** The name in messages. Default the origin of the URL. */
  readonly name?: string
}

/** A sink with a spool. */
export interface HttpAuditSink extends AuditSink {
  /** Records in the spool that were not delivered. */
  waiting(): number
  /** Resolves when the records that are confirmed now were delivered; rejects when the signal is aborted before. */
  delivered(options: { readonly signal?: AbortSignal | undefined }): Promise<void>
}

/**
 * Confirms an event when it is on the disk, and delivers it afterwards: in order, with as many attempts as it takes,
 * also after a restart. A failing endpoint does not stop the service, and no record is dropped. AUD-20
 *
 * A batch can arrive twice if its response was lost; the header `idempotency-key` and the numbers of the records
 * identify it. Redirects are not followed. A full spool refuses events. AUD-21
 *
 * @throws ArgumentError when an option is invalid, or the URL is not encrypted; AuditError when the spool cannot be
 *   used, or is behind its cursor.
 * @example
 * ```ts
 * import { openHttpAuditSink } from 'procura/audit/http'
 *
 * const sink = await openHttpAuditSink({ url: 'https://logs.example.com/audit', directory: '/var/spool/mail-audit' })
 * ```
 */
export async function openHttpAuditSink(options: HttpAuditSinkOptions): Promise<HttpAuditSink> {
  const given = readOptions('openHttpAuditSink', options, optionChecks)
  const { directory, prefix, sync, maxBytes, maxAge, onWait, maxWaiting, name: own, url: address, ...sending } = given
  const backOff = readOptions('openHttpAuditSink: `backOff`', given.backOff, {
    firstMs: milliseconds,
    maxMs: milliseconds,
  })
  const url = endpoint(address)
  const name = own ?? url.origin
  const policy = {
    ...(sync && { sync }),
    ...(maxBytes && { maxBytes }),
    ...(maxAge && { maxAge }),
    ...(onWait && { onWait }),
  }
  const { sink: spool, lock } = await openJsonlLog({ directory, prefix, name, ...policy })
  const cursor = await readOrClose(spool, directory, prefix)
  const { fetch: request = fetch, onFailure } = given
  const delivery = startDelivery(
    { ...sending, backOff, directory, prefix, lock, url, fetch: request, onFailure },
    cursor,
    spool.position().sequence,
  )

  /** Events that the spool has not answered. Their records may be counted as waiting too. */
  let unanswered = 0

  async function append(
    event: AuditEvent,
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Confirmation> {
    const waiting = spool.position().sequence - delivery.cursor().sequence
    if (waiting + unanswered >= maxWaiting) {
      throw new AuditError('ERR_AUDIT_UNCONFIRMED', `${waiting} audit records wait to be delivered to ${quote(name)}`)
    }
    unanswered += 1
    try {
      const confirmation = await spool.append(event, options)
      delivery.confirm(confirmation.sequence ?? 0)
      return confirmation
    } finally {
      unanswered -= 1
    }
  }

  async function delivered(options: { readonly signal?: AbortSignal | undefined }): Promise<void> {
    const { signal } = readOptions('delivered', options, { signal: maybe(abortSignal) })
    return delivery.delivered(signal)
  }

  async function close(): Promise<void> {
    await delivery.stop()
    await spool.close()
  }

  return Object.freeze({
    name,
    append,
    close,
    delivered,
    waiting: delivery.waiting,
    history: historyOver(spool, delivery),
  })
}

const optionChecks = Object.freeze({
  url: nonEmptyString,
  directory: nonEmptyString,
  prefix: withDefault(nonEmptyString, 'spool'),
  sync: maybe(oneOfStrings('group', 'always', 'none')),
  maxBytes: maybe(numberFrom(4_096)),
  maxAge: maybe(numberFrom(1)),
  onWait: maybe(callback),
  headers: withDefault(callback, () => ({})),
  fetch: maybe(callback),
  maxWaiting: withDefault(numberFrom(1), 100_000),
  maxRecords: withDefault(integerFrom(1), 500),
  maxRequestBytes: withDefault(integerFrom(131_072), 1024 * 1024),
  timeoutMs: withDefault(milliseconds, 10_000),
  backOff: withDefault(objectValue, Object.freeze({ firstMs: 500, maxMs: 60_000 })),
  onFailure: maybe(callback),
  name: maybe(nonEmptyString),
}) satisfies OptionChecks<HttpAuditSinkOptions>

/** The records in the spool, and of those that were removed from it the intents without an outcome. */
function historyOver({ history }: JsonlAuditSink, delivery: Delivery): AuditHistory {
  return auditHistory({
    inherited: history?.inherited ?? 0,
    async *newestFirst(options): AsyncGenerator<readonly LoggedEvent[], void> {
      let lowest = Number.POSITIVE_INFINITY
      for await (const page of history?.newestFirst(options) ?? []) {
        lowest = Math.min(lowest, page.at(-1)?.sequence ?? lowest)
        yield page
      }
      // A file that was removed while others were read is behind the cursor by now.
      yield delivery
        .cursor()
        .open.filter(({ sequence }) => sequence < lowest)
        .reverse()
    },
  })
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
    throw new ArgumentError('openHttpAuditSink: `url` must not contain a user name or a password; use `headers`')
  }
  return target
}
