// node only: HMAC

/**
 * Revocations as a shared store keeps them: by keyed hashes.
 *
 * @module
 */

import { type Did, parseDid } from '../core/did/did.ts'
import { readRevocationEntry } from '../core/revocation/revocation-entry.ts'
import type { RevocationEntry, RevocationRecord } from '../core/revocation/revocation-store.ts'
import { StoreError } from '../errors.ts'
import { never, type Timestamp } from '../time.ts'
import type { KeyedNames } from './keyed-names.ts'

/** Seconds for which a revocation is kept after its expiration, because clocks differ. */
const keepFor = 300

/**
 * Returns the time before which entries may have ended to be forgotten now. The store notes it when it forgets one.
 *
 * @param now - by the clock of the service.
 */
export function forgettableBefore(now: Timestamp): Timestamp {
  return now - keepFor
}

/**
 * A clock that goes back makes an expired delegation valid again, and its revocation may be forgotten. RVK-13
 *
 * @param forgotten - the latest time that {@link forgettableBefore} returned when an entry was forgotten.
 * @throws StoreError when the clock of the service is behind that time.
 */
export function assertNotForgotten(forgotten: Timestamp, now: Timestamp): void {
  if (now >= forgotten) return
  throw new StoreError(
    'revocations that apply at the present time of this service may be forgotten; correct its clock, or add the ' +
      'revocations again and prepare the stores with a new `epoch`',
  )
}

/** The revoker of an entry of the operator. No keyed hash is empty. */
export const operator = ''

/** A revocation of one id. */
export interface RevocationRow {
  /** The keyed hash of the id, in hexadecimal. */
  readonly id: string
  /** The keyed hash of the revoker, or {@link operator}. */
  readonly revoker: string
}

/** The rows of an entry, and the time until which they are kept; infinite for one that never expires. */
export interface EntryRows {
  /** One for each id, in the order of `entry.ids`. */
  readonly rows: readonly RevocationRow[]
  /** The entry, read. */
  readonly entry: RevocationEntry
  readonly until: number
}

/**
 * Returns the rows of an entry.
 *
 * @throws ArgumentError when the entry is invalid.
 */
export function rowsOf(given: RevocationEntry, names: KeyedNames): EntryRows {
  const entry = readRevocationEntry(given)
  const { ids, revoker, expiration } = entry
  const by = revoker === undefined ? operator : names.hex('revoker', revoker)
  return {
    entry,
    rows: ids.map((id) => ({ id: names.hex('revocation', id), revoker: by })),
    until: expiration === never ? Number.POSITIVE_INFINITY : expiration + keepFor,
  }
}

/** A query by keyed hashes, and how its rows become records. */
export interface RevocationQuery {
  /** The keyed hashes of the delegations, each once. A revocation counts with one of `revokers`. */
  readonly delegations: readonly string[]
  /** The keyed hashes of the principals, each once. Each revocation counts. */
  readonly principals: readonly string[]
  /** The keyed hashes of the principals as revokers, and {@link operator}. */
  readonly revokers: readonly string[]
  /** Returns the records of rows. */
  recordsOf(rows: readonly RevocationRow[]): readonly RevocationRecord[]
}

/**
 * Returns the query for some ids.
 *
 * RVK-11: a revocation of a delegation counts only if its revoker issued a delegation of the chain, whose DIDs are all
 * in the query. A store looks up the pairs of a delegation and one of these DIDs: others can store any number of
 * revocations of one delegation, and no call reads them. The revocation of a principal counts for every revoker.
 */
export function queryFor(ids: readonly string[], names: KeyedNames): RevocationQuery {
  const delegations = new Map<string, string>()
  const principals = new Map<string, string>()
  const revokers = new Map<string, Did>()
  for (const id of ids) {
    const isPrincipal = id.startsWith('did:')
    const kind = isPrincipal ? principals : delegations
    kind.set(names.hex('revocation', id), id)
    if (isPrincipal) revokers.set(names.hex('revoker', id), parseDid(id))
  }
  return {
    delegations: [...delegations.keys()],
    principals: [...principals.keys()],
    revokers: [...revokers.keys(), operator],
    recordsOf: (rows) =>
      rows.flatMap(({ id: hash, revoker: by }) => {
        const principal = principals.get(hash)
        const id = principal ?? delegations.get(hash)
        const revoker = revokers.get(by)
        if (id === undefined) return []
        if (revoker !== undefined) return [{ id, revoker }]
        return by === operator || principal !== undefined ? [{ id }] : []
      }),
  }
}
