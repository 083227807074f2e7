import { ArgumentError, StoreError, StoreFullError } from '../../errors.ts'
import { numberFrom, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, type Never, never, systemClock, type Timestamp } from '../../time.ts'
import type { Did } from '../did/did.ts'
import { encodeHex } from '../ipld/hex.ts'
import { readRevocationEntry } from './revocation-entry.ts'
import { revocationId } from './revocation-id.ts'
import { type JournalEntry, type RevocationJournal, readListOptions } from './revocation-journal.ts'
import type { RevocationEntry, RevocationRecord, RevocationRegistry } from './revocation-store.ts'

/** Options of {@link memoryRevocationStore}. */
export interface MemoryRevocationStoreOptions {
  /**
   * Maximum number of revocations. Default 1,000,000. When full, adding fails: no entry that still applies is removed.
   * A tenth of the places is not for revocations by delegates.
   */
  readonly maxEntries?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
  /** Seconds for which an entry is kept after its `expiration`, because clocks differ. Default 300. */
  readonly keepFor?: number
}

/** The share of the places that revocations by delegates can take. */
const shareOfDelegates = 0.9

/** A revocation of one id. */
interface Row {
  readonly id: string
  /** Undefined for the operator. */
  readonly revoker: Did | undefined
  expiration: Timestamp | Never
  token: RevocationEntry['token']
  /** Its place in the journal. */
  sequence: number
}

/** A revocation store in memory, which also lists its entries. */
export interface MemoryRevocationStore extends RevocationRegistry, RevocationJournal {
  /** The number of entries, expired ones included that are not forgotten yet. */
  readonly size: number
}

/**
 * Stores revocations in the memory of this process: for tests, and for one process that reads them from elsewhere.
 *
 * @throws ArgumentError when an option is not of its type; so does `add` for an entry of another form, or
 *   one that names neither a delegation nor a principal.
 */
export function memoryRevocationStore(options: MemoryRevocationStoreOptions = {}): MemoryRevocationStore {
  const { maxEntries, clock, keepFor } = readOptions('memoryRevocationStore', options, {
    maxEntries: withDefault(numberFrom(0), 1_000_000),
    clock: withDefault(withMethod('now'), systemClock),
    keepFor: withDefault(numberFrom(0), 300),
  })
  const byId = new Map<string, Map<Did | undefined, Row>>()
  /** All rows, in the order of their numbers. */
  const rows = new Map<number, Row>()
  const journal = encodeHex(crypto.getRandomValues(new Uint8Array(16)))
  let head = 0
  /** The latest expiration of a row that was forgotten. */
  let forgotten = Number.NEGATIVE_INFINITY

  const expired = expiredRows(rows, keepFor, ({ sequence, id, revoker, expiration }) => {
    const revokers = byId.get(id)
    revokers?.delete(revoker)
    if (revokers?.size === 0) byId.delete(id)
    rows.delete(sequence)
    forgotten = Math.max(forgotten, endOf(expiration))
  })

  /** Gives a row its next number, at the end of the journal. RVK-30 */
  function announce(row: Row): void {
    rows.delete(row.sequence)
    row.sequence = ++head
    rows.set(head, row)
  }

  return {
    get size() {
      return rows.size
    },
    findRevocations(ids) {
      if (!Array.isArray(ids)) throw new ArgumentError('findRevocations takes a list of CIDs and DIDs')
      assertNotForgotten(forgotten + keepFor, clock.now())
      const found: RevocationRecord[] = []
      if (byId.size === 0) return found
      for (const id of ids) {
        const revokers = byId.get(revocationId(id))
        if (revokers === undefined) continue
        // Others can revoke a delegation any number of times, which no call reads.
        const counting = id.startsWith('did:')
          ? revokers.keys()
          : [undefined, ...ids].filter((by) => revokers.has(by as Did))
        for (const revoker of counting) found.push(revoker === undefined ? { id } : { id, revoker: revoker as Did })
      }
      return found
    },
    add(entry, { byDelegate = false } = {}) {
      const { ids, revoker, expiration, token } = readRevocationEntry(entry)
      const fresh = ids.filter((id) => byId.get(id)?.has(revoker) !== true).length
      const most = byDelegate ? maxEntries * shareOfDelegates : maxEntries
      const isFull = (): boolean => fresh > 0 && rows.size + fresh > most
      if (isFull()) expired.forget(clock.now())
      // RVK-07
      if (isFull()) throw new StoreFullError(`the revocation store holds its ${Math.floor(most)} entries`)
      for (const id of ids) {
        const revokers = byId.get(id) ?? new Map<Did | undefined, Row>()
        byId.set(id, revokers)
        const known = revokers.get(revoker)
        const row = known ?? { id, revoker, expiration, token, sequence: 0 }
        revokers.set(revoker, row)
        if (known !== undefined && !isLater(expiration, known.expiration)) continue
        row.expiration = expiration
        expired.note(expiration)
        row.token = token ?? row.token
        announce(row)
      }
    },
    listRevocations(given) {
      assertNotForgotten(forgotten + keepFor, clock.now())
      return { journal, entries: entriesAfter(rows, head, readListOptions(given)), head }
    },
  }
}

/** Most rows that an addition to a full store examines, so that it takes a few milliseconds. */
const examinedAtOnce = 10_000
/** A row that is removed takes as long as this number of rows that remain. */
const costOfRemoval = 10

/** Forgets the rows that expired, some with each addition to a full store. */
interface ExpiredRows {
  /** Notes the expiration of a row that was added or changed. */
  note(expiration: Timestamp | Never): void
  /** Examines the next rows, in a circle over all of them, unless no row can have expired. */
  forget(now: Timestamp): void
}

function expiredRows(rows: ReadonlyMap<number, Row>, keepFor: number, remove: (row: Row) => void): ExpiredRows {
  let rest = rows.values()
  /** No row expires before. A full store does not look at its rows for each entry that it refuses. */
  let earliest = Number.POSITIVE_INFINITY
  /** The same for the rows of this circle. */
  let earliestSeen = Number.POSITIVE_INFINITY
  return {
    note(expiration) {
      earliest = Math.min(earliest, endOf(expiration))
      earliestSeen = Math.min(earliestSeen, endOf(expiration))
    },
    forget(now) {
      let left = examinedAtOnce
      while (left > 0 && earliest + keepFor < now) {
        left -= 1
        const { done, value: row } = rest.next()
        if (done) {
          rest = rows.values()
          earliest = earliestSeen
          earliestSeen = Number.POSITIVE_INFINITY
        } else if (endOf(row.expiration) + keepFor < now) {
          remove(row)
          left -= costOfRemoval - 1
        } else earliestSeen = Math.min(earliestSeen, endOf(row.expiration))
      }
    },
  }
}

/** A clock that went back makes an expired delegation valid again, whose revocation is forgotten. */
function assertNotForgotten(until: Timestamp, now: Timestamp): void {
  if (until < now) return
  throw new StoreError('the clock went back to a time at which revocations applied that are forgotten; correct it')
}

function entriesAfter(
  rows: ReadonlyMap<number, Row>,
  head: number,
  { after, limit }: { readonly after: number; readonly limit: number },
): readonly JournalEntry[] {
  const entries: JournalEntry[] = []
  // Numbers are mostly without gaps: they are visited one by one, or all rows if there are fewer.
  const numbers = head - after > 2 * rows.size ? rows.keys() : range(after + 1, head)
  for (const sequence of numbers) {
    if (entries.length >= limit) break
    const row = sequence > after ? rows.get(sequence) : undefined
    if (row !== undefined) entries.push({ sequence, entry: entryOf(row) })
  }
  return entries
}

function isLater(one: Timestamp | Never, other: Timestamp | Never): boolean {
  return other !== never && (one === never || one > other)
}

function endOf(expiration: Timestamp | Never): Timestamp {
  return expiration === never ? Number.POSITIVE_INFINITY : expiration
}

function* range(first: number, last: number): Generator<number> {
  for (let number = first; number <= last; number++) yield number
}

function entryOf({ id, revoker, expiration, token }: Row): RevocationEntry {
  return {
    ids: [id],
    ...(revoker !== undefined && { revoker }),
    expiration,
    ...(token !== undefined && { token: typeof token === 'string' ? token : token.slice() }),
  }
}
