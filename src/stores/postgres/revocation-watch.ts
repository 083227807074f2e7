import { StoreError } from '../../errors.ts'
import {
  callback,
  milliseconds,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { keepAsking } from '../heartbeat.ts'
import { assertPrefix } from '../prefix.ts'
import { tablesOf } from '../tables.ts'
import { revocationChannel } from './revocation-function.ts'

/** A connection that listens: a connected `Client` of `pg`. */
export interface PostgresListener {
  query(text: string): Promise<unknown>
  on(event: 'notification' | 'error' | 'end', listener: (value?: unknown) => void): unknown
  end(): Promise<unknown>
}

/** Options of {@link postgresRevocationWatch}. */
export interface PostgresRevocationWatchOptions {
  /**
   * Returns a connected client of its own, each time that it is called. It is ended when it is no longer needed. It
   * connects to the server itself: a pooler in transaction mode delivers no notifications.
   */
  readonly connect: () => Promise<PostgresListener>
  /** The `prefix` of the stores. Default `procura`. */
  readonly prefix?: string
  /**
   * Milliseconds between two questions whether the connection is alive, and the longest wait for an answer. A dead
   * connection is closed after twice this time, and `connect` is called again. Default 1,000.
   */
  readonly heartbeatMs?: number
}

const optionChecks = Object.freeze({
  connect: callback,
  prefix: withDefault(nonEmptyString, 'procura'),
  heartbeatMs: withDefault(milliseconds, 1_000),
}) satisfies OptionChecks<PostgresRevocationWatchOptions>

/**
 * Watches the additions that `postgresStores` announces, for `revocationJournalSource`. A notification has no content:
 * the entries are read from the journal, so a lost or forged one does no harm.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export function postgresRevocationWatch(
  options: PostgresRevocationWatchOptions,
): (wake: () => void, options: { readonly signal: AbortSignal }) => Promise<void> {
  const { connect, prefix, heartbeatMs } = readOptions('postgresRevocationWatch', options, optionChecks)
  assertPrefix(prefix)
  const channel = revocationChannel(tablesOf(prefix))
  return async (wake, { signal }) => {
    const client = await connect()
    const over = new AbortController()
    try {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => resolve(), { once: true })
        if (signal.aborted) resolve()
        client.on('notification', () => wake())
        client.on('error', reject)
        client.on('end', () => reject(new StoreError('the connection that listens has ended')))
        client.query(`LISTEN ${channel}`).then(() => wake(), reject)
        keepAsking(() => client.query('SELECT 1'), heartbeatMs, over.signal).catch(reject)
      })
    } finally {
      over.abort()
      // A question that waits makes this immediate: the client then sends no Terminate.
      client.end().catch(() => undefined)
    }
  }
}
