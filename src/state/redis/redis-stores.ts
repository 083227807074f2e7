// node only: HMAC

/**
 * Stores in Redis, for processes on any number of machines.
 *
 * @module
 */

import type { ClaimOptions } from '../../authorization/replay-store.ts'
import { StoreError } from '../../errors.ts'
import type { RevocationEntry, RevocationRecord } from '../../revocation/revocation-store.ts'
import { type OptionChecks, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, secondsOf, systemClock, type Timestamp } from '../../time.ts'
import { assertAfterEpoch, type EpochOptions, epochChecks, readClaim } from '../epoch.ts'
import { queryFor, rowsOf } from '../revocation-rows.ts'
import type { SharedReplayStore, SharedRevocationStore, SharedStores } from '../shared-stores.ts'
import {
  connectionChecks,
  openConnection,
  type RedisConnection,
  type RedisConnectionOptions,
  text,
} from './connection.ts'
import { addScript, claimScript, epochScript, findScript } from './scripts.ts'

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

/** Seconds for which the server keeps an entry after its end, because its clock and those of the services differ. */
const keepFor = 300

/** How often a claim is sent again because the stores were prepared anew in between. */
const attempts = 3

/**
 * Opens the stores that `prepareRedisStores` has prepared. Each request is one script, and requests that are made together
 * share a round trip as far as the client sends them together.
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
export function redisStores(options: RedisStoresOptions): SharedStores {
  const settings = readOptions('redisStores', options, optionChecks)
  const connection = openConnection(settings)
  return Object.freeze({ replay: replayStore(connection, settings), revocations: revocationStore(connection) })
}

function replayStore(
  { names, key, ask }: RedisConnection,
  settings: Required<EpochOptions> & { readonly clock: Clock },
): SharedReplayStore {
  /** The epoch as it was last seen. The script compares it. */
  let epoch: string | undefined

  return Object.freeze({
    async claim(call: string, expiration: Timestamp, { signal, acceptedFrom }: ClaimOptions) {
      const claim = readClaim(call, expiration, acceptedFrom)
      const entry = key('call', names.hex('replay', call))
      const ends = expiration === Number.POSITIVE_INFINITY ? 'inf' : String(expiration)
      for (let attempt = 0; attempt < attempts; attempt++) {
        signal?.throwIfAborted()
        epoch ??= text((await ask(epochScript, [], []))[1])
        assertAfterEpoch(claim, Number(epoch), secondsOf(settings.clock), settings)
        const [kind, value] = await ask(claimScript, [entry], [epoch, ends, String(keepFor)])
        if (kind === 'claimed') return text(value) === '1'
        if (kind === 'expired') throw new StoreError('the invocation expired before the latest time seen')
        epoch = text(value)
      }
      throw new StoreError('the stores are being prepared again and again')
    },
    // Redis forgets by itself.
    prune: async () => undefined,
  })
}

function revocationStore({ names, key, ask }: RedisConnection): SharedRevocationStore {
  return Object.freeze({
    async findRevocations(ids: readonly string[]): Promise<readonly RevocationRecord[]> {
      const { ids: hashes, recordsOf } = queryFor(ids, names)
      const [, ...found] = await ask(
        findScript,
        hashes.map((hash) => key('revoked', hash)),
        [],
      )
      if (found.length !== hashes.length || !found.every(Array.isArray)) {
        throw new StoreError('Redis returned an answer of another form')
      }
      const rows = hashes.flatMap((id, at) =>
        (found[at] as readonly unknown[]).map((revoker) => ({ id, revoker: text(revoker) })),
      )
      return recordsOf(rows)
    },
    async add(entry: RevocationEntry) {
      const { rows, until } = rowsOf(entry, names)
      const ends = until === Number.POSITIVE_INFINITY ? 'inf' : String(until + keepFor)
      await ask(
        addScript,
        rows.map(({ id }) => key('revoked', id)),
        [rows[0]?.revoker ?? '', ends],
      )
    },
    prune: async () => undefined,
  })
}
