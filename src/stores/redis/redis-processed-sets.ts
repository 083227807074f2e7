// node only: HMAC

import { checkProcessedSet } from '../../core/revocation/processed-sets.ts'
import { type OptionChecks, readOptions } from '../../support/options.ts'
import { secondsOf, type Timestamp } from '../../time.ts'
import { assertRemembered, clockChecks, type ProcessedSetsClock, processedBefore } from '../processed-entries.ts'
import type { SharedProcessedSets } from '../shared-stores.ts'
import { type Script, script } from './client.ts'
import { connectionChecks, openConnection, type RedisConnectionOptions, scoreOf, text } from './connection.ts'
import { closing, forgettable, opening } from './scripts.ts'

/** Options of {@link redisProcessedSets}. */
export interface RedisProcessedSetsOptions extends RedisConnectionOptions, ProcessedSetsClock {}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...clockChecks,
}) satisfies OptionChecks<RedisProcessedSetsOptions>

/** Entries that one script forgets: with each addition, and when it prunes. */
const forgottenAtOnce = { add: 3, prune: 500 } as const

const forgetFunction = `${forgettable}
local function forget(time, most)
  local before = forgettable(time)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', '(' .. before, 'LIMIT', 0, most)
  if #gone == 0 then return 0 end
  local last = redis.call('HGET', KEYS[1], 'processed')
  if not last or before > tonumber(last) then note('processed', before) end
  redis.call('ZREM', KEYS[2], unpack(gone))
  return #gone
end
`

/**
 * Looks an id up. KEYS: stores, ids. ARGV: fingerprint, request, the id. Returns whether it is known, and the time
 * before which ids were forgotten.
 */
const hasScript: Script = script(`${opening}
local known = redis.call('ZSCORE', KEYS[2], ARGV[3]) and '1' or '0'
return {'processed', request, known, redis.call('HGET', KEYS[1], 'processed') or '0'}
`)

/** Adds an id. KEYS: stores, ids. ARGV: fingerprint, request, the id, its expiration, and the time to forget. */
const addScript: Script = script(`${opening}${forgetFunction}
forget(ARGV[5], ${forgottenAtOnce.add})
local last = redis.call('ZSCORE', KEYS[2], ARGV[3])
if not last or tonumber(ARGV[4]) > tonumber(last) then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
  ${closing}
end
return {'added', request}
`)

/** Forgets ids. KEYS: stores, ids. ARGV: fingerprint, request, the time. Returns how many. */
const forgetScript: Script = script(`${opening}${forgetFunction}
return {'forgotten', request, tostring(forget(ARGV[3], ${forgottenAtOnce.prune}))}
`)

/**
 * Opens a memory of processed Security Event Tokens, the option `processed` of `securityEventReceiver`, in stores that
 * `prepareRedisStores` has prepared.
 *
 * @throws ArgumentError when an option is invalid.
 * @example
 * ```ts
 * import { redisProcessedSets } from 'procura/store/redis'
 *
 * const processed = redisProcessedSets({ client: redis, secret })
 * ```
 */
export function redisProcessedSets(options: RedisProcessedSetsOptions): SharedProcessedSets {
  const settings = readOptions('redisProcessedSets', options, optionChecks)
  const { names, key, ask } = openConnection(settings)
  const keys = [key('processed')]
  const before = (): string => String(processedBefore(secondsOf(settings.clock)))

  return Object.freeze({
    async has(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      const [, known, forgotten] = await ask(hasScript, ['processed'], keys, [names.hex('processed', id)])
      if (text(known) === '1') return true
      assertRemembered(expiration, Number(text(forgotten)))
      return false
    },
    async add(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      await ask(addScript, ['added'], keys, [names.hex('processed', id), scoreOf(expiration), before()])
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      for (let count: number = forgottenAtOnce.prune; count === forgottenAtOnce.prune; ) {
        signal?.throwIfAborted()
        count = Number(text((await ask(forgetScript, ['forgotten'], keys, [before()]))[1]))
      }
    },
  })
}
