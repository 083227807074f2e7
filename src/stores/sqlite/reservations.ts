// node only: HMAC

import type { LimitAnswer, LimitEntry, LimitRequest, LimitState } from '../../core/authorization/limits/limit-store.ts'
import { overdue } from '../../core/authorization/limits/read-limit-request.ts'
import { StoreError } from '../../errors.ts'
import { type Clock, secondsOf } from '../../time.ts'
import { mayBeForgotten } from '../epoch.ts'
import type { SqliteConnection } from './connection.ts'
import { createLimitRows, type LimitCount } from './limit-rows.ts'

/** Requests after which something is forgotten: fewer than are forgotten at once. */
const requestsBetweenPrunings = 50

/** Most committed holds that a request ends: others count as gone. */
const endedAtOnce = 500

/** Counts the limits of calls, within a transaction. */
export interface Reservations {
  /**
   * Reserves the limits of a call.
   *
   * @throws StoreError before anything is reserved, when the request was refused for a reason other than a limit.
   */
  reserve(request: LimitRequest): LimitAnswer
  commit(reservation: string): boolean
  release(reservation: string): void
  remaining(entries: readonly LimitEntry[]): readonly LimitState[]
  /** Forgets some rows, and returns whether there may be more. */
  forgetSome(): boolean
}

/** Makes the reservations of a connection. */
export function createReservations(connection: SqliteConnection, clock: Clock): Reservations {
  const { names } = connection
  const rows = createLimitRows(connection)
  const keyOf = ({ key }: LimitEntry): Uint8Array => names.bytes('limit', key)
  const idOf = (reservation: string): Uint8Array => names.bytes('limit-call', reservation)
  let requests = 0

  function paidNameOf({ key, kind }: LimitEntry, task: string | undefined): Uint8Array | null {
    return task === undefined || kind !== 'total' ? null : names.bytes('limit-task', `${key}\0${task}`)
  }

  function stateOf(entry: LimitEntry, { sum, next }: LimitCount): LimitState {
    const remaining = Math.max(0, entry.maximum - sum)
    return entry.kind === 'rate' && remaining === 0 ? { remaining, freeAt: next } : { remaining }
  }

  return {
    reserve(request) {
      const { reservation, entries, deadline, task } = request
      const now = secondsOf(clock)
      if (deadline <= now) throw new StoreError(overdue)
      requests += 1
      if (requests % requestsBetweenPrunings === 0) rows.forgetSome(now)
      const forgotten = rows.forgotten()
      if (entries.some(({ expiration }) => mayBeForgotten(expiration, forgotten)))
        throw new StoreError('a delegation expired before the latest time seen')
      const id = idOf(reservation)
      if (rows.has(id)) throw new StoreError('there is already a reservation of this name')
      const held = entries.map((entry) => {
        const paid = paidNameOf(entry, task)
        const isPaid = paid !== null && rows.isPaid(paid)
        return { entry: isPaid ? { ...entry, amount: 0 } : entry, paid, isPaid }
      })
      const room = { holds: endedAtOnce }
      for (const { entry, isPaid } of held) {
        const left = stateOf(entry, rows.countCurrent(keyOf(entry), now, room))
        if (isPaid) continue
        if (left.remaining === 0 || left.remaining < entry.amount) return { reserved: false, key: entry.key, ...left }
      }
      const add = request.commit ? rows.use : rows.hold
      for (const { entry, paid } of held) add(id, keyOf(entry), { entry, deadline, now, paid })
      return { reserved: true }
    },
    commit: (reservation) => rows.commit(idOf(reservation), secondsOf(clock)),
    release: (reservation) => rows.release(idOf(reservation)),
    remaining(entries) {
      const now = secondsOf(clock)
      return entries.map((entry) => stateOf(entry, rows.count(keyOf(entry), now)))
    },
    forgetSome: () => rows.forgetSome(secondsOf(clock)),
  }
}
