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
import { assertNotForgotten, forgettableBefore, queryFor, rowsOf } from '../revocation-rows.ts'
import type { SharedReplayStore, SharedRevocationStore, SharedStores } from '../shared-stores.ts'
import {
  connectionChecks,
  openConnection,
  otherForm,
  type RedisConnection,
  type RedisConnectionOptions,
  text,
} from './connection.ts'
import {
  addScript,
  claimScript,
  endedScript,
  epochScript,
  findScript,
  forgetCallsScript,
  forgetRevocationsScript,
  keepFor,
} from './scripts.ts'

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

/** Entries that one script forgets. */
const forgottenAtOnce = 500

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
  return Object.freeze({
    replay: replayStore(connection, settings),
    revocations: revocationStore(connection, settings.clock),
  })
}

function replayStore(
  { names, key, newRequest, ask }: RedisConnection,
  settings: Required<EpochOptions> & { readonly clock: Clock; readonly timeoutMs: number },
): SharedReplayStore {
  /** The epoch as it was last seen, or a question for it. The script compares it. */
  let epoch: string | Promise<string> | undefined

  /** Claims that arrive together at the start ask for the epoch once. */
  async function askEpoch(): Promise<string> {
    try {
      epoch = text((await ask(epochScript, ['epoch'], [], []))[1])
      return epoch
    } catch (cause) {
      epoch = undefined
      throw cause
    }
  }

  const forgettable = (): string => String(secondsOf(settings.clock) - keepFor)

  return Object.freeze({
    async claim(call: string, expiration: Timestamp, { signal, acceptedFrom }: ClaimOptions) {
      const claim = readClaim(call, expiration, acceptedFrom)
      const name = names.hex('replay', call)
      for (let attempt = 0; attempt < attempts; attempt++) {
        signal?.throwIfAborted()
        epoch ??= askEpoch()
        const known = await epoch
        assertAfterEpoch(claim, Number(known), secondsOf(settings.clock), settings)
        const request = newRequest()
        const [kind, value] = await ask(
          claimScript,
          ['claimed', 'expired', 'epoch'],
          [key('calls'), key('made', request)],
          [known, name, scoreOf(expiration), forgettable(), String(2 * settings.timeoutMs)],
          request,
        )
        if (kind === 'claimed') return text(value) === '1'
        if (kind === 'expired') throw new StoreError('the invocation expired before the latest time seen')
        epoch = text(value)
      }
      throw new StoreError('the stores are being prepared again and again')
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const values = [forgettable(), String(forgottenAtOnce)]
      for (let count = forgottenAtOnce; count === forgottenAtOnce; ) {
        signal?.throwIfAborted()
        count = Number(text((await ask(forgetCallsScript, ['forgotten'], [key('calls')], values))[1]))
      }
    },
  })
}

function revocationStore({ names, key, ask }: RedisConnection, clock: Clock): SharedRevocationStore {
  const keysOf = (ids: readonly string[]): string[] => ids.map((id) => key('revoked', id))

  return Object.freeze({
    async findRevocations(ids: readonly string[]): Promise<readonly RevocationRecord[]> {
      const { ids: hashes, recordsOf } = queryFor(ids, names)
      const [, forgotten, ...found] = await ask(findScript, ['found'], keysOf(hashes), [])
      assertNotForgotten(Number(text(forgotten)), secondsOf(clock))
      if (found.length !== hashes.length || !found.every(Array.isArray)) throw otherForm()
      const rows = hashes.flatMap((id, at) =>
        (found[at] as readonly unknown[]).map((revoker) => ({ id, revoker: text(revoker) })),
      )
      return recordsOf(rows)
    },
    async add(entry: RevocationEntry) {
      const { rows, until } = rowsOf(entry, names)
      const ids = rows.map(({ id }) => id)
      await ask(addScript, ['added'], [key('ends'), ...keysOf(ids)], [rows[0]?.revoker ?? '', scoreOf(until), ...ids])
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const before = String(forgettableBefore(secondsOf(clock)))
      for (let count = forgottenAtOnce; count === forgottenAtOnce; ) {
        signal?.throwIfAborted()
        const [, ended] = await ask(endedScript, ['ended'], [key('ends')], [before, String(forgottenAtOnce)])
        if (!Array.isArray(ended)) throw otherForm()
        const ids = ended.map(text)
        await ask(forgetRevocationsScript, ['forgotten'], [key('ends'), ...keysOf(ids)], [before, ...ids])
        count = ids.length
      }
    },
  })
}

/** A time as the scripts take it. */
function scoreOf(time: Timestamp): string {
  if (time === Number.POSITIVE_INFINITY) return 'inf'
  return String(time)
}
