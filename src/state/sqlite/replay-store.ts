// node only: HMAC

import type { ClaimOptions } from '../../authorization/replay-store.ts'
import { type Clock, secondsOf, type Timestamp } from '../../time.ts'
import { assertAfterEpoch, type Claim, type EpochOptions, expiredCall, readClaim } from '../epoch.ts'
import type { SharedReplayStore } from '../shared-stores.ts'
import type { SqliteConnection } from './connection.ts'
import { prepare } from './database.ts'

/** Rows that one statement forgets. OPS-21 */
const prunedAtOnce = 200

/** Claims after which expired calls are forgotten: fewer than are forgotten at once, so that they do not accumulate. */
const claimsBetweenPrunings = 100

/** Claims calls, within a transaction. */
export interface Claims {
  /**
   * Returns whether it is the first claim of the call.
   *
   * @throws StoreError when the call cannot be claimed; nothing is then.
   */
  claim(claim: Claim): boolean
  /** Forgets some expired calls, and returns how many. */
  forgetSome(): number
}

/** Makes the claims of a connection. */
export function createClaims(
  { database, names, tables, meta }: SqliteConnection,
  settings: Required<EpochOptions> & { readonly clock: Clock },
): Claims {
  const { calls } = tables
  const insert = prepare(database, `INSERT INTO ${calls} VALUES (?, ?) ON CONFLICT DO NOTHING`)
  const extend = prepare(database, `UPDATE ${calls} SET expiration = max(expiration, ?) WHERE key = ?`)
  const note = prepare(database, `UPDATE ${tables.meta} SET forgotten = max(forgotten, ?)`)
  const forget = prepare(
    database,
    `DELETE FROM ${calls} WHERE key IN (SELECT key FROM ${calls} WHERE expiration < ? LIMIT ${prunedAtOnce})`,
  )

  let claims = 0

  /** The time is noted in the same transaction, since a clock can go back. */
  function forgetSome(): number {
    const until = secondsOf(settings.clock) - settings.clockTolerance
    const count = forget.run(until)
    if (count > 0) note.run(until)
    return count
  }

  return {
    claim(claim) {
      const { key, expiration } = claim
      const { epoch, forgotten } = meta()
      assertAfterEpoch(claim, epoch, secondsOf(settings.clock), settings)
      if (expiration < forgotten) throw expiredCall()
      claims += 1
      if (claims % claimsBetweenPrunings === 0) forgetSome()
      const name = names.bytes('replay', key)
      if (insert.run(name, expiration) === 1) return true
      extend.run(expiration, name)
      return false
    },
    forgetSome,
  }
}

/** Makes the replay store of a connection. */
export function replayStore({ write }: SqliteConnection, claims: Claims): SharedReplayStore {
  return Object.freeze({
    async claim(key: string, expiration: Timestamp, { signal, acceptedFrom }: ClaimOptions) {
      const claim = readClaim(key, expiration, acceptedFrom)
      return write(() => claims.claim(claim), signal)
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      while ((await write(() => claims.forgetSome(), signal)) === prunedAtOnce);
    },
  })
}
