// node only: HMAC

import type {
  LimitAnswer,
  LimitEntry,
  LimitRequest,
  LimitStoreOptions,
} from '../../core/authorization/limits/limit-store.ts'
import { checkLimitEntries, checkLimitRequest } from '../../core/authorization/limits/read-limit-request.ts'
import { type Clock, secondsOf } from '../../time.ts'
import {
  expiredLimit,
  limitName,
  limitState,
  type NamedRequest,
  namedRequest,
  overdueReservation,
  refusedAt,
  reservationName,
  takenReservation,
} from '../limit-entries.ts'
import type { SharedLimitStore } from '../shared-stores.ts'
import { otherForm, type RedisConnection, scoreOf, text } from './connection.ts'
import {
  commitScript,
  forgetLimitsScript,
  limitKeys,
  releaseScript,
  remainingScript,
  reserveScript,
} from './limit-scripts.ts'

/** Entries that one script forgets. */
const forgottenAtOnce = 500

/** Makes the limit store of a connection. */
export function limitStore(
  { names, key, newRequest, ask }: RedisConnection,
  { clock, timeoutMs }: { readonly clock: Clock; readonly timeoutMs: number },
): SharedLimitStore {
  const keys = limitKeys.map((kind) => key(kind))
  const now = (): string => String(secondsOf(clock))
  const known = String(2 * timeoutMs)

  return Object.freeze({
    async reserve(given: LimitRequest, { signal }: LimitStoreOptions) {
      checkLimitRequest(given)
      signal?.throwIfAborted()
      const time = secondsOf(clock)
      if (given.deadline <= time) throw overdueReservation()
      const named = namedRequest(given, time, names)
      const request = newRequest()
      const values = [String(time), known, ...requestValues(named)]
      const [kind, ...answer] = await ask(reserveScript, answerKinds, [...keys, key('made', request)], values, request)
      return answerOf(kind, answer, given.entries)
    },
    async commit(reservation: string, { signal }: LimitStoreOptions) {
      signal?.throwIfAborted()
      const request = newRequest()
      const values = [now(), known, reservationName(reservation, names)]
      const [, committed] = await ask(commitScript, ['committed'], [...keys, key('made', request)], values, request)
      return text(committed) === '1'
    },
    async release(reservation: string) {
      await ask(releaseScript, ['released'], keys, [now(), reservationName(reservation, names)])
    },
    async remaining(entries: readonly LimitEntry[]) {
      checkLimitEntries(entries)
      const values = entries.flatMap(({ key: limit, maximum }) => [limitName(limit, names), String(maximum)])
      const [, ...answer] = await ask(remainingScript, ['left'], keys, [now(), ...values])
      if (answer.length !== 2 * entries.length) throw otherForm()
      return entries.map((entry, at) => limitState(entry, text(answer[2 * at]), text(answer[2 * at + 1]) || Number.NaN))
    },
    async prune({ signal }: LimitStoreOptions = {}) {
      for (let count = forgottenAtOnce; count === forgottenAtOnce; ) {
        signal?.throwIfAborted()
        const [, forgotten] = await ask(forgetLimitsScript, ['forgotten'], keys, [now(), String(forgottenAtOnce)])
        count = Number(text(forgotten))
      }
    },
  })
}

/** The kinds of the answer to a reservation. */
export const answerKinds = ['reserved', 'short', 'taken', 'expired'] as const

/** A reservation as the scripts take it. */
export function requestValues({ id, deadline, commit, entries }: NamedRequest): readonly string[] {
  const values = entries.flatMap(({ limit, kind, maximum, amount, later, expiration, task }) => [
    limit,
    kind,
    String(maximum),
    String(amount),
    String(later),
    scoreOf(expiration),
    task,
  ])
  return [id, String(deadline), commit ? '1' : '0', ...values]
}

/**
 * Returns the answer to a reservation.
 *
 * @param kind - one of {@link answerKinds}.
 * @throws StoreError when the request was refused for a reason other than a limit.
 */
export function answerOf(kind: string, values: readonly unknown[], entries: readonly LimitEntry[]): LimitAnswer {
  if (kind === 'reserved') return { reserved: true }
  if (kind === 'taken') throw takenReservation()
  if (kind === 'expired') throw expiredLimit()
  const [place, remaining, freeAt] = values.map(text)
  return refusedAt(entries, place, remaining, freeAt || Number.NaN)
}
