// node only: HMAC

/**
 * Stores in Redis, for processes on any number of machines.
 *
 * @module
 */

import { type OptionChecks, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, systemClock } from '../../time.ts'
import { type EpochOptions, epochChecks } from '../epoch.ts'
import type { ServerStores, SharedStores } from '../shared-stores.ts'
import { callStore } from './call-store.ts'
import { connectionChecks, openConnection, type RedisConnectionOptions } from './connection.ts'
import { limitStore } from './limit-store.ts'
import { epochOf, replayStore } from './replay-store.ts'
import { revocationStore } from './revocation-store.ts'

/** Options of {@link redisStores}. */
export interface RedisStoresOptions extends RedisConnectionOptions, EpochOptions {
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...epochChecks,
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<RedisStoresOptions>

/**
 * Opens the stores that `prepareRedisStores` has prepared. Each request is one script, and a decision about a call is
 * one request. Requests that are made together share a round trip as far as the client sends them together.
 *
 * @throws ArgumentError when an option is invalid.
 * @example
 * ```ts
 * import { createAuthorizer } from 'procura'
 * import { prepareRedisStores, redisStores } from 'procura/store/redis'
 *
 * await prepareRedisStores({ client: redis, secret }) // once, when the service is installed
 * const authorizer = createAuthorizer({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [send],
 *   ...redisStores({ client: redis, secret }),
 * })
 * ```
 */
export function redisStores(options: RedisStoresOptions): ServerStores {
  const settings = readOptions('redisStores', options, optionChecks)
  const connection = openConnection(settings)
  const epoch = epochOf(connection)
  const stores: SharedStores = {
    replay: replayStore(connection, epoch, settings),
    revocations: revocationStore(connection, settings),
    limitStore: limitStore(connection, settings),
  }
  return Object.freeze({ ...stores, callStore: callStore(connection, stores, epoch, settings) })
}
