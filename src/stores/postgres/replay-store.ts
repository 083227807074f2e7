// node only: HMAC

import type { ClaimOptions } from '../../core/authorization/replay-store.ts'
import { type Clock, maxTolerance, secondsOf, type Timestamp } from '../../time.ts'
import { assertAfterEpoch, type EpochOptions, expiredCall, readClaim } from '../epoch.ts'
import { atKnownEpoch, type KnownEpoch, knownEpoch } from '../known-epoch.ts'
import type { SharedReplayStore } from '../shared-stores.ts'
import type { Tables } from '../tables.ts'
import { forgettable, onDisk, type PostgresConnection } from './connection.ts'
import { forgetRows, noteForgotten } from './forget-rows.ts'

/** A claim by its keyed hash, as a statement makes it. */
interface HashedClaim {
  readonly key: string
  readonly expiration: Timestamp
  /** The epoch with which the claim was compared. It is not made at another one. */
  readonly epoch: number
}

/**
 * The answer to a claim: whether it was the first, `expired`, or the epoch if it is not the one that the caller knows.
 */
type Answer = boolean | 'expired' | { readonly epoch: number }

/** The epoch as a connection knows it. */
export function epochOf({ ask, tables }: PostgresConnection): KnownEpoch<number> {
  return knownEpoch(async () => Number((await ask(`SELECT fingerprint, epoch FROM ${tables.meta}`, []))[0]['epoch']))
}

/**
 * Makes the replay store of a connection. Claims that wait share a statement. STO-06
 *
 * A row counts its copies, so that the first is known in the same step. Keys are in order, so that two statements do
 * not wait for each other. The row of the stores is locked against a change for the time of the statement: a claim sees
 * the time before which calls are forgotten, or ends before a call is forgotten.
 */
export function replayStore(
  connection: PostgresConnection,
  epoch: KnownEpoch<number>,
  settings: Required<EpochOptions> & { readonly clock: Clock },
): SharedReplayStore {
  const { names, tables, batched, ask } = connection
  const claimText = claimStatement(tables)
  async function claimAll(claims: readonly HashedClaim[]): Promise<readonly Answer[]> {
    const sent = await epoch.read()
    const current = claims.filter((claim) => claim.epoch === sent)
    const [row] = await ask(claimText, [
      current.map(({ key }) => key).join(','),
      current.map(({ expiration }) => String(expiration)).join(','),
      names.fingerprint,
      String(sent),
    ])
    const found = Number(row['epoch'])
    const first = listOf(row['first'])
    const taken = new Set([...first, ...listOf(row['known'])])
    return claims.map(({ key, epoch: compared }) => {
      if (compared !== sent || found !== sent) return { epoch: found }
      // Of several copies in one statement, the one that came first is the first.
      return first.delete(key) || (taken.has(key) ? false : 'expired')
    })
  }

  const claim = batched(claimAll)

  return Object.freeze({
    async claim(call: string, expiration: Timestamp, { signal, acceptedFrom }: ClaimOptions) {
      const given = readClaim(call, expiration, acceptedFrom)
      const key = names.hex('replay', call)
      return atKnownEpoch(epoch, async (known) => {
        assertAfterEpoch(given, known, secondsOf(settings.clock), settings)
        const answer = await claim({ key, expiration, epoch: known }, signal)
        if (answer === 'expired') throw expiredCall()
        if (typeof answer === 'boolean') return answer
        epoch.correct(answer.epoch)
        return undefined
      })
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      // Claims wait until the time is noted, but not until the calls are forgotten.
      const ended = `EXISTS (SELECT 1 FROM ${tables.calls} WHERE expiration < ${forgettable})`
      const before = secondsOf(settings.clock) - maxTolerance
      const until = await noteForgotten(connection, 'forgotten', ended, before)
      if (until === undefined) return
      const rows = { table: tables.calls, noted: 'forgotten', key: 'key', time: 'expiration' } as const
      await forgetRows(connection, rows, until, signal)
    },
  })
}

function claimStatement({ meta, calls }: Tables): string {
  return `
WITH given AS (
  SELECT decode(key, 'hex') AS key, max(expiration::float8) AS expiration
  FROM unnest(string_to_array($1, ','), string_to_array($2, ',')) AS t (key, expiration) GROUP BY key
), stores AS (
  SELECT * FROM ${meta} FOR SHARE
), claimed AS (
  INSERT INTO ${calls} AS known (key, expiration)
  SELECT key, given.expiration FROM given, stores
  WHERE stores.fingerprint = $3 AND stores.epoch = $4::float8 AND given.expiration >= stores.forgotten + ${maxTolerance}
  ORDER BY key
  ON CONFLICT (key) DO UPDATE SET
    expiration = greatest(known.expiration, excluded.expiration),
    copies = least(known.copies, 1000000) + 1
  RETURNING key, copies
)
SELECT fingerprint, epoch, ${onDisk},
  (SELECT string_agg(encode(key, 'hex'), ',') FROM claimed WHERE copies = 1) AS first,
  (SELECT string_agg(encode(key, 'hex'), ',') FROM claimed WHERE copies > 1) AS known
FROM stores`
}

function listOf(text: unknown): Set<string> {
  return new Set(typeof text === 'string' ? text.split(',') : [])
}
