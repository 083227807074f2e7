// node only: HMAC

import { StoreError } from '../../errors.ts'
import {
  type DefaultCheck,
  milliseconds,
  nonEmptyString,
  type OptionCheck,
  withDefault,
} from '../../support/options.ts'
import { type KeyedNames, keyedNames, type StoreSecret, storeSecretCheck } from '../keyed-names.ts'
import { assertPrefix } from '../prefix.ts'
import { type RedisStoreClient, redisClientCheck, type Script, scriptRunner, sendWith } from './client.ts'

/** How a store uses Redis. */
export interface RedisConnectionOptions {
  /** A connected client of ioredis, iovalkey or redis, for one server or a cluster. Its owner closes it. */
  readonly client: RedisStoreClient
  /** The secret with which `prepareRedisStores` prepared the stores. */
  readonly secret: StoreSecret
  /** The hash tag in the names of all keys. Default `procura`. */
  readonly prefix?: string
  /** How long an answer may take, in milliseconds. Default 1,000. */
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

/** Stores in Redis, before anything is asked of them. */
export interface RedisConnection {
  readonly names: KeyedNames
  /** Returns the name of a key. All have one hash tag. */
  key(kind: 'stores' | 'call' | 'revoked' | 'person', name?: string): string
  /**
   * Runs a script, and returns its answer.
   *
   * @param keys - beside that of the stores, which comes first.
   * @param values - beside the fingerprint of the secret, which comes first.
   * @throws StoreError when Redis does not answer, or the stores were not prepared, lost their data or have another secret.
   */
  ask(script: Script, keys: readonly string[], values: readonly string[]): Promise<readonly unknown[]>
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
  const run = scriptRunner(sendWith(client), timeoutMs)
  const key: RedisConnection['key'] = (kind, name) =>
    name === undefined ? `{${prefix}}:${kind}` : `{${prefix}}:${kind}:${name}`
  return {
    names,
    key,
    async ask(script, keys, values) {
      const answer = await run(script, [key('stores'), ...keys], [names.fingerprint, ...values])
      if (!Array.isArray(answer) || answer.length === 0)
        throw new StoreError('Redis returned an answer of another form')
      const [first, ...rest] = answer as readonly unknown[]
      if (text(first) === 'unprepared') throw unprepared()
      if (text(first) === 'secret') throw new StoreError('the stores were prepared with another `secret`')
      return [text(first), ...rest]
    },
  }
}

/** Redis without the data of the stores may have lost revocations. */
function unprepared(): StoreError {
  return new StoreError(
    'Redis has no data of the stores; if it is new, call `prepareRedisStores`; if its data was lost, call that and add ' +
      'the revocations again',
  )
}

/** Returns a string of an answer. Some clients can be told to return bytes. */
export function text(value: unknown): string {
  if (typeof value === 'string') return value
  if (value instanceof Uint8Array) return Buffer.from(value).toString()
  throw new StoreError('Redis returned an answer of another form')
}
