// node only: HMAC

import type { CallAnswer, CallQuestion, CallStore } from '../../core/authorization/call-store.ts'
import type { LimitAnswer, LimitRequest } from '../../core/authorization/limits/limit-store.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { askAtEpoch, callStoreOf } from '../call-store-of.ts'
import { type EpochOptions, expiredCall } from '../epoch.ts'
import type { KnownEpoch } from '../known-epoch.ts'
import { namedRequest } from '../limit-entries.ts'
import { assertNotForgotten, queryFor } from '../revocation-rows.ts'
import { fulfilled, rejected, settle } from '../settled.ts'
import type { SharedStores } from '../shared-stores.ts'
import { type Script, script } from './client.ts'
import { otherForm, type RedisConnection, scoreOf, text } from './connection.ts'
import { forgottenWithReservation, limitFunctions, limitKeys } from './limit-scripts.ts'
import { answerKinds, answerOf, requestValues } from './limit-store.ts'
import { idsOf, queryValue, revokersOf } from './revocation-store.ts'
import { claimFunction, findFunction, keepFor, opening } from './scripts.ts'

/**
 * Asks everything about a call. KEYS: stores, calls, made, those of limits, and one for each id. ARGV: fingerprint,
 * request, the time; then those of a claim: epoch, name, expiration, the time before which calls may be forgotten,
 * milliseconds; the query of revocations; then those of a reservation, if there is one.
 *
 * Returns the time before which revocations were forgotten, the revokers of each id, the answer to the claim, and that
 * to the reservation. Where a part refuses the call, the next ones are not asked. `made` is `2` when the limits are
 * reserved, too: a client may send the request once more.
 */
const askScript: Script = script(`${opening}${findFunction}${claimFunction}${limitFunctions(4)}
local now = tonumber(ARGV[3])
local found, revoked = find(10, ARGV[9])
local answer = {'answers', request, known[4], found}
if revoked or now < tonumber(known[4]) then return answer end
if redis.call('GET', KEYS[3]) == '2' then
  answer[5], answer[6] = {'claimed', '1'}, {'reserved'}
  return answer
end
answer[5] = claim(ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8])
if answer[5][2] ~= '1' or answer[5][1] ~= 'claimed' or not ARGV[10] then return answer end
forgetLimits(now, forgettable(now - ${keepFor}), ${forgottenWithReservation})
answer[6] = reserve(ARGV[10], now, ARGV[11], ARGV[12], 13)
if answer[6][1] == 'reserved' then redis.call('SET', KEYS[3], '2', 'PX', ARGV[8]) end
return answer
`)

/** Asks the stores of a connection in one request. */
export function callStore(
  { names, key, newRequest, ask }: RedisConnection,
  stores: SharedStores,
  epoch: KnownEpoch<string>,
  settings: Required<EpochOptions> & { readonly clock: Clock; readonly timeoutMs: number },
): CallStore {
  const limits = limitKeys.map((kind) => key(kind))

  /** Returns the answers, or nothing if the epoch was another one. */
  async function askOnce({ ids, claim, limits: given }: CallQuestion, known: string): Promise<CallAnswer | undefined> {
    const now = secondsOf(settings.clock)
    // A reservation whose deadline has passed is left to its store, which rejects it.
    const wanted = given === undefined || given.deadline <= now ? undefined : given
    const query = queryFor(ids, names)
    const request = newRequest()
    const keys = [key('calls'), key('made', request), ...limits, ...idsOf(query).map((id) => key('revoked', id))]
    const claimed = [known, names.hex('replay', claim.key), scoreOf(claim.expiration), String(now - keepFor)]
    const values = [String(now), ...claimed, String(2 * settings.timeoutMs), queryValue(query)]
    const reservation = wanted === undefined ? [] : requestValues(namedRequest(wanted, now, names))
    const answer = await ask(askScript, ['answers'], keys, [...values, ...reservation], request)
    const [, forgotten, found, first, reserved] = answer
    const revocations = await settle(() => {
      assertNotForgotten(Number(text(forgotten)), now)
      return query.recordsOf(revokersOf(query, found))
    })
    if (first === undefined) return { revocations }
    const [kind, value] = listOf(first)
    if (kind === 'epoch') {
      epoch.correct(text(value))
      return undefined
    }
    if (kind !== 'claimed') return { revocations, claim: rejected(expiredCall()) }
    if (wanted === undefined || reserved === undefined) return { revocations, claim: fulfilled(text(value) === '1') }
    return { revocations, claim: fulfilled(true), limits: await settle(() => limitAnswer(reserved, wanted)) }
  }

  return callStoreOf(stores, askAtEpoch(stores, epoch, settings, askOnce))
}

/** @throws StoreError when the request was refused for a reason other than a limit. */
function limitAnswer(reserved: unknown, { entries }: LimitRequest): LimitAnswer {
  const [kind, ...values] = listOf(reserved)
  if (!answerKinds.some((one) => one === kind)) throw otherForm()
  return answerOf(String(kind), values, entries)
}

/** The parts of an answer, of which the first one is its kind. */
function listOf(answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) throw otherForm()
  const [kind, ...values] = answer as readonly unknown[]
  return [text(kind), ...values]
}
