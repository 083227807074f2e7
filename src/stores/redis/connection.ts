// node only: HMAC

import { randomBytes } from 'node:crypto'
import { StoreError } from '../../errors.ts'
import {
  type DefaultCheck,
  milliseconds,
  nonEmptyString,
  type OptionCheck,
  withDefault,
} from '../../support/options.ts'
import type { Timestamp } from '../../time.ts'
import { type KeyedNames, keyedNames, type StoreSecret, storeSecretCheck } from '../keyed-names.ts'
import { assertPrefix } from '../prefix.ts'
import { type RedisStoreClient, redisClientCheck, type Script, scriptRunner } from './client.ts'

/** How a store uses Redis. */
export interface RedisConnectionOptions {
  /**
   * A connected client of ioredis, iovalkey or redis, for one server or a cluster. Its owner closes it. The store
   * closes a connection that is silent, and the client opens another one: `spec/state.md` has the options for its
   * waits.
   */
  readonly client: RedisStoreClient
  /** The secret with which `prepareRedisStores` prepared the stores. */
  readonly secret: StoreSecret
  /** The hash tag in the names of all keys. Default `procura`. */
  readonly prefix?: string
  /** How long an answer may take, in milliseconds. A connection is silent after half of this time. Default 1,000. */
  readonly timeoutMs?: number
}

/** The checks of {@link RedisConnectionOptions}. */
export const connectionChecks: {
  readonly client: OptionCheck
  readonly secret: OptionCheck
  readonly prefix: DefaultCheck
  readonly timeoutMs: DefaultCheck
} = Object.freeze({
  client: redisClientCheck,
  secret: storeSecretCheck,
  prefix: withDefault(nonEmptyString, 'procura'),
  timeoutMs: withDefault(milliseconds, 1000),
})

/** The kinds of keys. */
export type KeyKind =
  | 'stores'
  | 'calls'
  | 'made'
  | 'revoked'
  | 'ends'
  | 'person'
  | 'journal'
  | 'journal-entries'
  | 'journal-ends'
  | 'limits'
  | 'limit-ends'
  | 'limit-holds'
  | 'limit-calls'
  | 'limit-call-ends'
  | 'limit-tasks'
  | 'processed'

/** Stores in Redis, before anything is asked of them. */
export interface RedisConnection {
  readonly names: KeyedNames
  /** Returns the name of a key. All have one hash tag. */
  key(kind: KeyKind, name?: string): string
  /** Returns the name of a request, which no other request has. */
  newRequest(): string
  /**
   * Runs a script, and returns its answer: its kind, and its values.
   *
   * @param kinds - the kinds that the script returns.
   * @param keys - after the key of the stores.
   * @param values - after the fingerprint of the secret and the name of the request.
   * @throws StoreError when Redis does not answer, or the stores were not prepared, lost their data or have another
   *   secret.
   */
  ask(
    script: Script,
    kinds: readonly string[],
    keys: readonly string[],
    values: readonly string[],
    request?: string,
  ): Promise<readonly [kind: string, ...values: unknown[]]>
}

/**
 * Opens the stores. Nothing is sent yet.
 *
 * @throws ArgumentError when the prefix is invalid.
 */
export function openConnection(options: Required<RedisConnectionOptions>): RedisConnection {
  const { client, secret, prefix, timeoutMs } = options
  assertPrefix(prefix)
  const names = keyedNames(secret)
  const run = scriptRunner(client, timeoutMs)
  const key: RedisConnection['key'] = (kind, name) =>
    name === undefined ? `{${prefix}}:${kind}` : `{${prefix}}:${kind}:${name}`
  const process = randomBytes(8).toString('hex')
  let requests = 0
  const newRequest = (): string => {
    requests += 1
    return `${process}${requests.toString(36)}`
  }
  return {
    names,
    key,
    newRequest,
    async ask(script, kinds, keys, values, request = newRequest()) {
      const answer = await run(script, [key('stores'), ...keys], [names.fingerprint, request, ...values])
      const [first, about, ...rest] = Array.isArray(answer) ? (answer as readonly unknown[]) : []
      const kind = text(first)
      if (text(about) !== request) throw new StoreError('Redis returned the answer to another request')
      if (kind === 'unprepared') throw unprepared()
      if (kind === 'secret') throw otherSecret()
      if (!kinds.includes(kind)) throw otherForm()
      return [kind, ...rest]
    },
  }
}

/** The error of stores that were prepared with another secret. */
export function otherSecret(): StoreError {
  return new StoreError('the stores were prepared with another `secret`')
}

/** The error of an answer that no script gives. */
export function otherForm(): StoreError {
  return new StoreError('Redis returned a malformed answer')
}

/** Redis without the data of the stores may have lost revocations. */
function unprepared(): StoreError {
  return new StoreError(
    'Redis has no data of the stores; if it is new, call `prepareRedisStores`; if its data was lost, call that and add ' +
      'the revocations again',
  )
}

/** Returns a string of an answer. Some clients can be configured to return bytes. */
export function text(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  throw otherForm()
}

/** A time as the scripts take it. */
export function scoreOf(time: Timestamp): string {
  if (time === Number.POSITIVE_INFINITY) return 'inf'
  return String(time)
}

/** The channel on which an addition of revocations is announced. */
export function revocationChannel(prefix: string): string {
  return `{${prefix}}:revocations`
}
