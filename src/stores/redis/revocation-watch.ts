// node only: HMAC

import { StoreError } from '../../errors.ts'
import {
  milliseconds,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { keepAsking } from '../heartbeat.ts'
import { assertPrefix } from '../prefix.ts'
import { revocationChannel } from './connection.ts'
import { openConnectionOf } from './open-connection.ts'

/** A client in the mode of a subscriber: ioredis, iovalkey or redis (node-redis). It has a connection of its own. */
export interface RedisSubscriber {
  subscribe(channel: string, listener: (...values: readonly unknown[]) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: string, listener: (...values: readonly unknown[]) => void): unknown
  off(event: string, listener: (...values: readonly unknown[]) => void): unknown
  /** Asks whether the connection is alive. */
  ping(): Promise<unknown>
}

/** Options of {@link redisRevocationWatch}. */
export interface RedisRevocationWatchOptions {
  /** A connected client that does nothing else. It connects again by itself. Its owner closes it. */
  readonly subscriber: RedisSubscriber
  /** The `prefix` of the stores. Default `procura`. */
  readonly prefix?: string
  /**
   * Milliseconds between two questions whether the connection is alive, and the longest wait for an answer. A dead
   * connection is closed after twice this time, and the client connects again. Default 1,000.
   */
  readonly heartbeatMs?: number
}

const subscriberCheck: OptionCheck = (value) =>
  ['subscribe', 'on', 'ping'].map((method) => withMethod(method)(value)).find((fault) => fault !== undefined)

const optionChecks = Object.freeze({
  subscriber: subscriberCheck,
  prefix: withDefault(nonEmptyString, 'procura'),
  heartbeatMs: withDefault(milliseconds, 1_000),
}) satisfies OptionChecks<RedisRevocationWatchOptions>

/**
 * Watches the additions that `redisStores` announces, for `revocationJournalSource`. An announcement has no content:
 * the entries are read from the journal, so a lost or forged one does no harm.
 *
 * @throws ArgumentError when an option is missing or invalid.
 */
export function redisRevocationWatch(
  options: RedisRevocationWatchOptions,
): (wake: () => void, options: { readonly signal: AbortSignal }) => Promise<void> {
  const { subscriber, prefix, heartbeatMs } = readOptions('redisRevocationWatch', options, optionChecks)
  assertPrefix(prefix)
  const channel = revocationChannel(prefix)
  return async (wake, { signal }) => {
    const ring = (): void => wake()
    // node-redis passes messages to the listener, and ioredis as an event. `ready` follows an interruption.
    const isEmitter = !('pSubscribe' in subscriber)
    const events = isEmitter ? ['message', 'ready'] : ['ready']
    let close = (): void => undefined
    const over = new AbortController()
    const ended = new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      if (signal.aborted) resolve()
      close = () => reject(new StoreError('the subscriber was closed'))
      keepAsking(async () => subscriber.ping(), heartbeatMs, over.signal).catch((cause) => {
        reject(cause)
        if (cause instanceof StoreError) openConnectionOf(subscriber)?.close()
      })
    })
    subscriber.on('end', close)
    for (const event of events) subscriber.on(event, ring)
    try {
      await Promise.race([
        isEmitter ? subscribeByEvents(subscriber, channel) : subscriber.subscribe(channel, ring),
        ended,
      ])
      wake()
      await ended
    } finally {
      over.abort()
      for (const event of events) subscriber.off(event, ring)
      subscriber.off('end', close)
      subscriber.unsubscribe(channel).catch(() => undefined)
    }
  }
}

/** ioredis takes further channels where node-redis takes a listener. */
function subscribeByEvents(subscriber: RedisSubscriber, channel: string): Promise<unknown> {
  return (subscriber as unknown as { readonly subscribe: (channel: string) => Promise<unknown> }).subscribe(channel)
}
