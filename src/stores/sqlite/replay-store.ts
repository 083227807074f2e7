// node only: HMAC

import type { ClaimOptions } from '../../core/authorization/replay-store.ts'
import { prepare } from '../../support/sqlite.ts'
import { type Clock, maxTolerance, secondsOf, type Timestamp } from '../../time.ts'
import { assertAfterEpoch, type Claim, type EpochOptions, expiredCall, mayBeForgotten, readClaim } from '../epoch.ts'
import type { SharedReplayStore } from '../shared-stores.ts'
import type { SqliteConnection } from './connection.ts'
import { nextTurn } from './write-queue.ts'

/** Most calls that one transaction forgets. OPS-21 */
const forgottenAtOnce = 500

/** Claims after which as many calls are examined: ten for each claim, so that few of them have expired. */
const claimsBetweenPrunings = 50

/** Calls that `prune` examines in one turn of the event loop. */
const examinedAtOnce = 10_000

/** The place before all calls. No keyed hash is empty. */
const start = new Uint8Array(0)

/** Calls that follow each other in the order of their keys. */
interface Part {
  /** The key before the first one. */
  readonly after: Uint8Array
  readonly last: Uint8Array
  readonly count: number
  /** The time before which calls can be forgotten; undefined if none of these can. */
  readonly until: Timestamp | undefined
}

/** Claims calls, within a transaction. */
export interface Claims {
  /**
   * Returns whether it is the first claim of the call.
   *
   * @throws StoreError when the call cannot be claimed; nothing is then.
   */
  claim(claim: Claim): boolean
  /** Returns the next calls after a key, with a limited number of expired ones among them; undefined at the end. */
  examine(after: Uint8Array): Part | undefined
  /** Forgets those of them that have expired. */
  forget(part: Part): void
}

/**
 * Makes the claims of a connection. Calls have no index by their time: their keys are random, so each claim would
 * change a page of it, and each call that is forgotten would be in a page of its own. They are examined in the order of
 * their keys. Decision 100.
 */
export function createClaims(
  { database, names, tables, meta }: SqliteConnection,
  settings: Required<EpochOptions> & { readonly clock: Clock },
): Claims {
  const { calls } = tables
  const insert = prepare(database, `INSERT INTO ${calls} VALUES (?, ?) ON CONFLICT DO NOTHING`)
  const extend = prepare(database, `UPDATE ${calls} SET expiration = max(expiration, ?) WHERE key = ?`)
  const note = prepare(database, `UPDATE ${tables.meta} SET forgotten = max(forgotten, ?)`)
  const look = prepare(
    database,
    `SELECT max(key) AS last, min(expiration) AS earliest, count(*) AS count
     FROM (SELECT key, expiration FROM ${calls} WHERE key > ? ORDER BY key LIMIT ?)`,
  )
  // The plus keeps SQLite from an index by the time, which databases of earlier versions have.
  const expired = `FROM ${calls} WHERE key > ? AND key <= ? AND +expiration < ?`
  const lastAtOnce = prepare(database, `SELECT key ${expired} ORDER BY key LIMIT 1 OFFSET ${forgottenAtOnce - 1}`)
  const remove = prepare(database, `DELETE ${expired}`)

  let claims = 0

  function partAfter(after: Uint8Array, most: number): Part | undefined {
    const { last, earliest, count } = look.all(after, most)[0] ?? {}
    if (!(last instanceof Uint8Array)) return undefined
    const until = secondsOf(settings.clock) - maxTolerance
    return { after, last, count: Number(count), until: Number(earliest) < until ? until : undefined }
  }

  /** The time is noted in the same transaction, since a clock can go back. */
  function forget({ after, last, until }: Part): void {
    if (until !== undefined && remove.run(after, last, until) > 0) note.run(until)
  }

  /** Examines as many calls as are forgotten at once. The first call follows the last one. */
  function forgetFrom(after: Uint8Array): void {
    const part = partAfter(after, forgottenAtOnce)
    if (part !== undefined) forget(part)
    const left = forgottenAtOnce - (part?.count ?? 0)
    const first = left > 0 ? partAfter(start, left) : undefined
    if (first !== undefined) forget(first)
  }

  return {
    claim(claim) {
      const { key, expiration } = claim
      const { epoch, forgotten } = meta()
      assertAfterEpoch(claim, epoch, secondsOf(settings.clock), settings)
      if (mayBeForgotten(expiration, forgotten)) throw expiredCall()
      const name = names.bytes('replay', key)
      const isFirst = insert.run(name, expiration) === 1
      if (!isFirst) extend.run(expiration, name)
      claims += 1
      // After the claim: a call that has ended since its decision began, and is forgotten here, would be new. The key
      // is a random place: processes that share the database examine different calls.
      if (claims % claimsBetweenPrunings === 0) forgetFrom(name)
      return isFirst
    },
    examine(after) {
      const part = partAfter(after, examinedAtOnce)
      if (part?.until === undefined) return part
      const [row] = lastAtOnce.all(after, part.last, part.until)
      return row === undefined ? part : { ...part, last: row['key'] as Uint8Array }
    },
    forget,
  }
}

/** Makes the replay store of a connection. */
export function replayStore({ write, query }: SqliteConnection, claims: Claims): SharedReplayStore {
  return Object.freeze({
    async claim(key: string, expiration: Timestamp, { signal, acceptedFrom }: ClaimOptions) {
      const claim = readClaim(key, expiration, acceptedFrom)
      return write(() => claims.claim(claim), signal)
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const look = (after: Uint8Array) => query(() => claims.examine(after))
      for (let part = await look(start); part !== undefined; part = await look(part.last)) {
        signal?.throwIfAborted()
        const found = part
        if (found.until === undefined) await nextTurn()
        else await write(() => claims.forget(found), signal)
      }
    },
  })
}
