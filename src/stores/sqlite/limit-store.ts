// node only: HMAC

import type { LimitEntry, LimitRequest, LimitStoreOptions } from '../../core/authorization/limits/limit-store.ts'
import { checkLimitEntries, checkLimitRequest } from '../../core/authorization/limits/read-limit-request.ts'
import type { SharedLimitStore } from '../shared-stores.ts'
import type { SqliteConnection } from './connection.ts'
import type { Reservations } from './reservations.ts'

/** Makes the limit store of a connection. */
export function limitStore({ write, meta, query }: SqliteConnection, reservations: Reservations): SharedLimitStore {
  return Object.freeze({
    async reserve(request: LimitRequest, { signal }: LimitStoreOptions) {
      checkLimitRequest(request)
      return write(() => {
        meta()
        return reservations.reserve(request)
      }, signal)
    },
    async commit(reservation: string, { signal }: LimitStoreOptions) {
      return write(() => {
        meta()
        return reservations.commit(reservation)
      }, signal)
    },
    async release(reservation: string, { signal }: LimitStoreOptions) {
      await write(() => {
        meta()
        reservations.release(reservation)
      }, signal)
    },
    async remaining(entries: readonly LimitEntry[]) {
      checkLimitEntries(entries)
      return query(() => {
        meta()
        return reservations.remaining(entries)
      })
    },
    async prune({ signal }: LimitStoreOptions = {}) {
      while (await write(() => reservations.forgetSome(), signal));
    },
  })
}
