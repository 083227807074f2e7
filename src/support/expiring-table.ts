/**
 * Tables of keys, each with the last period in which it counts. Periods are integers from 1 to 2^31 - 1.
 *
 * A key that is a fingerprint is kept as numbers in typed arrays, which the garbage collector does not visit. One of
 * 128 bits takes 26 to 40 bytes, one of 160 bits with an amount 41 to 62.
 *
 * @module
 */

/** Keys with the last period in which each counts. */
export interface ExpiringTable<Key> {
  /** Number of entries, those included whose period is over. */
  readonly size: number
  /**
   * Extends an entry to a period, or adds it.
   *
   * @param mayAdd - false leaves a table without the key as it is.
   * @returns the last period in which the key counted before, or 0 when it had no entry.
   * @throws RangeError when no memory is left for another entry; the table is then as before.
   */
  extend(key: Key, period: number, mayAdd: boolean): number
  /**
   * Examines the next places, in a circle over all of them, and removes the entries whose period is before `present`.
   *
   * @param places - the number of places.
   */
  sweep(places: number, present: number): void
}

/** The same, and each key has an amount: an integer from 0 to 2^53 - 1. It is 0 in an entry that was added. */
export interface AmountTable<Key> extends ExpiringTable<Key> {
  /** The amount of a key, or 0 when it has no entry. */
  amountOf(key: Key): number
  /** Adds to the amount of a key, if it has an entry. Returns the amount after that. */
  add(key: Key, amount: number): number
}

/** The same count of numbers of 32 bits for each key of a table, four of them or more. */
export type Fingerprint = Int32Array

/** Numbers that determine the places of a table of fingerprints: one more than a fingerprint has. */
export type PlaceKey = Int32Array

/** A part of a table. Each part grows by itself, so no call moves more than one part. */
interface Shelf {
  /** 0 before the first entry. */
  places: number
  entries: number
  /**
   * A byte for each place: 0 where it is free, and otherwise a mark and seven bits of the hash of its fingerprint. A
   * search reads the numbers of a place only where these bits are the same; for most new keys it reads none.
   */
  tags: Uint8Array
  /** The numbers of each place: the fingerprint, its period, and its amount. */
  words: Int32Array
  /** The number of places of its first arrays. */
  readonly firstPlaces: number
}

/** The form of a table. */
interface Layout {
  /** The number of parts. */
  readonly shelves: number
  readonly placeKey: PlaceKey
  /** The length of a fingerprint. The period follows, and then the amount, if there is one. */
  readonly periodAt: number
  readonly wordsPerPlace: number
}

/** An amount takes two numbers: the lower one, and the higher one from 0 to 2^21 - 1. */
const wordsOfAmount = 2
const leastPlaces = 16
/** Moving a larger part would take more than a millisecond. */
const entriesPerShelf = 16_384
const mostShelves = 4_096
const growth = 1.5
/** The shares of the places in use at which a part grows and shrinks. A fuller one would have long searches. */
const mostUse = 0.8
const leastUse = 0.25

/** A key for the places of a new table, at random, for fingerprints of so many numbers. */
export function randomPlaceKey(length = 4): PlaceKey {
  return globalThis.crypto.getRandomValues(new Int32Array(length + 1))
}

/**
 * Makes an empty table of fingerprints.
 *
 * @param maxEntries - the size that it is made for; it determines the number of parts.
 * @param placeKey - see {@link randomPlaceKey}.
 */
export function createFingerprintTable(maxEntries: number, placeKey: PlaceKey): ExpiringTable<Fingerprint> {
  return createTable(layoutFor(maxEntries, placeKey, 0))
}

/** Makes the same with amounts. */
export function createAmountTable(maxEntries: number, placeKey: PlaceKey): AmountTable<Fingerprint> {
  return createTable(layoutFor(maxEntries, placeKey, wordsOfAmount))
}

function layoutFor(maxEntries: number, placeKey: PlaceKey, wordsAfterPeriod: number): Layout {
  const shelves = Math.min(mostShelves, Math.max(1, Math.ceil(maxEntries / entriesPerShelf)))
  const periodAt = placeKey.length - 1
  return { shelves, placeKey, periodAt, wordsPerPlace: periodAt + 1 + wordsAfterPeriod }
}

/** The amounts of a table without them are unknown: its type does not have the methods. */
function createTable(layout: Layout): AmountTable<Fingerprint> {
  const { shelves: count, placeKey, periodAt, wordsPerPlace } = layout
  const shelves: Shelf[] = Array.from({ length: count }, (_, at) => emptyShelf(at / count))
  let size = 0
  /** The place that `sweep` examines next. */
  let sweptShelf = 0
  let swept = 0
  /** The period at the start of this circle, and the period at the start of the last complete one. */
  let startedIn = 0
  let clearedOf = 0

  const shelfOf = (hash: number): Shelf => shelves[Math.floor(positionOf(hash, layout))] as Shelf

  function grow(shelf: Shelf): void {
    resize(shelf, growth, layout)
    // The entries of this part have other places now.
    if (shelves[sweptShelf] === shelf) swept = 0
  }

  function endShelf(shelf: Shelf): void {
    const { places, entries, firstPlaces } = shelf
    if (entries < places * leastUse && places > firstPlaces) shrink(shelf, layout)
    swept = 0
    sweptShelf = (sweptShelf + 1) % count
    if (sweptShelf === 0) clearedOf = startedIn
  }

  /** Returns the amount after the addition. */
  function addTo(print: Fingerprint, amount: number): number {
    const hash = hashOf(print, 0, placeKey)
    const shelf = shelfOf(hash)
    const place = find(shelf, print, hash, layout)
    if (isFree(shelf, place)) return 0
    const { words } = shelf
    const at = place * wordsPerPlace + periodAt + 1
    const sum = readAmount(words, at) + amount
    if (amount !== 0) writeAmount(words, at, sum)
    return sum
  }

  return {
    get size() {
      return size
    },
    extend(print, period, mayAdd) {
      const hash = hashOf(print, 0, placeKey)
      const shelf = shelfOf(hash)
      let place = find(shelf, print, hash, layout)
      if (isFree(shelf, place)) {
        if (!mayAdd) return 0
        if (shelf.entries + 1 > shelf.places * mostUse) {
          grow(shelf)
          place = find(shelf, print, hash, layout)
        }
        insert(shelf, place, print, hash, layout)
        size += 1
      }
      const at = place * wordsPerPlace + periodAt
      const before = read(shelf.words, at)
      if (period > before) shelf.words[at] = period
      return before
    },
    amountOf: (print) => addTo(print, 0),
    add: addTo,
    sweep(places, present) {
      for (let left = places; left > 0 && clearedOf !== present; left--) {
        if (sweptShelf === 0 && swept === 0) startedIn = present
        const shelf = shelves[sweptShelf] as Shelf
        if (swept === shelf.places) endShelf(shelf)
        else if (isFree(shelf, swept) || read(shelf.words, swept * wordsPerPlace + periodAt) >= present) swept += 1
        else {
          remove(shelf, swept, layout)
          shelf.entries -= 1
          size -= 1
        }
      }
    },
  }
}

/**
 * Makes a part without entries. The parts of a table have about the same number of entries. Their sizes are spread over
 * one step of growth, so that they do not grow at about the same time.
 *
 * @param share - of the step, from 0 to 1.
 */
function emptyShelf(share: number): Shelf {
  const firstPlaces = Math.round(leastPlaces * growth ** share)
  return { places: 0, entries: 0, tags: new Uint8Array(0), words: new Int32Array(0), firstPlaces }
}

/** Makes an empty table of strings of any form. They are kept whole, in the JavaScript heap. */
export function createStringTable(): AmountTable<string> {
  const periods = new Map<string, number>()
  const amounts = new Map<string, number>()
  /** The entries that are still to examine in this circle. */
  let rest = periods.entries()
  let startedIn = 0
  let clearedOf = 0
  return {
    get size() {
      return periods.size
    },
    extend(key, period, mayAdd) {
      const before = periods.get(key) ?? 0
      if (before === 0 ? mayAdd : period > before) periods.set(key, period)
      return before
    },
    amountOf: (key) => amounts.get(key) ?? 0,
    add(key, amount) {
      const sum = (amounts.get(key) ?? 0) + amount
      if (periods.has(key)) amounts.set(key, sum)
      return periods.has(key) ? sum : 0
    },
    sweep(places, present) {
      for (let left = places; left > 0 && clearedOf !== present; left--) {
        const { done, value } = rest.next()
        if (done) {
          clearedOf = startedIn
          startedIn = present
          rest = periods.entries()
        } else if (value[1] < present) {
          periods.delete(value[0])
          if (amounts.size > 0) amounts.delete(value[0])
        }
      }
    },
  }
}

/**
 * A hash of a fingerprint, from 0 to 2^32 - 1. The first bits determine the part and the place in it where a search
 * begins, and the last seven are the tag.
 *
 * The sum is a universal hash: without the key, nobody can choose fingerprints that share a place. The bits are then
 * mixed (the finalizer of MurmurHash3), so that sums in a row do not lead to places in a row.
 *
 * @param at - where the fingerprint begins in `words`.
 */
export function hashOf(words: Int32Array, at: number, key: PlaceKey): number {
  const length = key.length - 1
  let sum = read(key, length)
  for (let offset = 0; offset < length; offset++)
    sum = (sum + Math.imul(read(words, at + offset), read(key, offset))) | 0
  const folded = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b)
  const mixed = Math.imul(folded ^ (folded >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function read(words: Int32Array, at: number): number {
  return words[at] as number
}

function readAmount(words: Int32Array, at: number): number {
  return read(words, at + 1) * 2 ** 32 + (read(words, at) >>> 0)
}

function writeAmount(words: Int32Array, at: number, amount: number): void {
  // A number that is stored in an `Int32Array` is reduced to its lower 32 bits.
  words[at] = amount
  words[at + 1] = Math.floor(amount / 2 ** 32)
}

/** Copies a few numbers. For so few, the method `set` takes longer. */
function copy(from: Int32Array, fromAt: number, to: Int32Array, toAt: number, count: number): void {
  for (let offset = 0; offset < count; offset++) to[toAt + offset] = read(from, fromAt + offset)
}

/** The position of a hash in the whole table: the part, and then the share of its places before it. */
function positionOf(hash: number, { shelves }: Layout): number {
  return hash * 2 ** -32 * shelves
}

/** The place of a part where the search for an entry begins. */
function start(hash: number, places: number, layout: Layout): number {
  const position = positionOf(hash, layout)
  return Math.floor((position - Math.floor(position)) * places)
}

function next(place: number, places: number): number {
  return place + 1 === places ? 0 : place + 1
}

/** Never 0, which is the tag of a free place. */
function tagOf(hash: number): number {
  return (hash & 0x7f) | 0x80
}

/** A part without entries has no places, and each place of it is free. */
function isFree({ tags }: Shelf, place: number): boolean {
  return (tags[place] ?? 0) === 0
}

/** The place of a fingerprint, or the free place for it. One place is always free. */
function find({ places, tags, words }: Shelf, print: Fingerprint, hash: number, layout: Layout): number {
  const tag = tagOf(hash)
  let place = start(hash, places, layout)
  for (let found = tags[place] ?? 0; found !== 0; found = tags[place] as number) {
    if (found === tag && isSame(words, place * layout.wordsPerPlace, print, layout.periodAt)) return place
    place = next(place, places)
  }
  return place
}

function isSame(words: Int32Array, at: number, print: Fingerprint, length: number): boolean {
  let offset = 0
  while (offset < length && words[at + offset] === print[offset]) offset += 1
  return offset === length
}

/** Puts a fingerprint into a free place, with the period 0 and no amount. */
function insert(shelf: Shelf, place: number, print: Fingerprint, hash: number, layout: Layout): void {
  const { periodAt, wordsPerPlace } = layout
  const at = place * wordsPerPlace
  shelf.tags[place] = tagOf(hash)
  copy(print, 0, shelf.words, at, periodAt)
  for (let offset = periodAt; offset < wordsPerPlace; offset++) shelf.words[at + offset] = 0
  shelf.entries += 1
}

/** Frees a place, and moves entries into it that a search would no longer reach past the free place. */
function remove({ places, tags, words }: Shelf, removed: number, layout: Layout): void {
  const { placeKey, wordsPerPlace } = layout
  let free = removed
  for (let place = next(free, places); tags[place] !== 0; place = next(place, places)) {
    const from = start(hashOf(words, place * wordsPerPlace, placeKey), places, layout)
    const isReached = free < place ? free < from && from <= place : free < from || from <= place
    if (isReached) continue
    tags[free] = tags[place] as number
    copy(words, place * wordsPerPlace, words, free * wordsPerPlace, wordsPerPlace)
    free = place
  }
  tags[free] = 0
}

/** Moves a part to arrays of another size. */
function resize(shelf: Shelf, factor: number, layout: Layout): void {
  const { placeKey, wordsPerPlace } = layout
  const places = Math.max(shelf.firstPlaces, Math.floor(shelf.places * factor))
  const tags = new Uint8Array(places)
  const words = new Int32Array(places * wordsPerPlace)
  for (let from = 0; from < shelf.places; from++) {
    if (isFree(shelf, from)) continue
    let to = start(hashOf(shelf.words, from * wordsPerPlace, placeKey), places, layout)
    while (tags[to] !== 0) to = next(to, places)
    tags[to] = shelf.tags[from] as number
    copy(shelf.words, from * wordsPerPlace, words, to * wordsPerPlace, wordsPerPlace)
  }
  shelf.places = places
  shelf.tags = tags
  shelf.words = words
}

/** A part that gets no smaller arrays keeps its own, so a sweep does not fail where memory is scarce. */
function shrink(shelf: Shelf, layout: Layout): void {
  try {
    resize(shelf, 1 / 2, layout)
  } catch {}
}
