/**
 * Tables of keys, each with the last period in which it counts. Periods are integers from 1 to 2^31 - 1.
 *
 * A key that is a fingerprint is kept as numbers in typed arrays, which the garbage collector does not visit. One of 128
 * bits takes 25 to 38 bytes, one of 160 bits with an amount 40 to 60.
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
   * @throws RangeError when no memory is left; the table is then as before.
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
  /** The numbers of each place: the fingerprint, its period, which is 0 where the place is free, and its amount. */
  words: Int32Array
  entries: number
  /** The number of places of its first array. */
  readonly firstPlaces: number
}

/** The form of a place. */
interface Layout {
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
  const periodAt = placeKey.length - 1
  return createTable(maxEntries, { placeKey, periodAt, wordsPerPlace: periodAt + 1 })
}

/** Makes the same with amounts. */
export function createAmountTable(maxEntries: number, placeKey: PlaceKey): AmountTable<Fingerprint> {
  const periodAt = placeKey.length - 1
  return createTable(maxEntries, { placeKey, periodAt, wordsPerPlace: periodAt + 1 + wordsOfAmount })
}

/** The amounts of a table without them are unknown: its type does not have the methods. */
function createTable(maxEntries: number, layout: Layout): AmountTable<Fingerprint> {
  const { placeKey, periodAt, wordsPerPlace } = layout
  const count = Math.min(mostShelves, Math.max(1, Math.ceil(maxEntries / entriesPerShelf)))
  const shelves: Shelf[] = Array.from({ length: count }, (_, at) => emptyShelf(at / count))
  let size = 0
  /** The position that `sweep` examines next. */
  let sweptShelf = 0
  let swept = 0
  /** The period at the start of this circle, and the period at the start of the last complete one. */
  let startedIn = 0
  let clearedOf = 0

  function grow(shelf: Shelf): void {
    resize(shelf, growth, layout)
    // The entries of this part have other positions now.
    if (shelves[sweptShelf] === shelf) swept = 0
  }

  function endShelf(shelf: Shelf): void {
    const { words, entries } = shelf
    const isSparse = entries * wordsPerPlace < words.length * leastUse
    if (isSparse && words.length > shelf.firstPlaces * wordsPerPlace) resize(shelf, 1 / 2, layout)
    swept = 0
    sweptShelf = (sweptShelf + 1) % count
    if (sweptShelf === 0) clearedOf = startedIn
  }

  /** Returns the amount after the addition. */
  function addTo(print: Fingerprint, amount: number): number {
    const place = placeOf(print, 0, placeKey)
    const { words } = shelves[place % count] as Shelf
    if (words.length === 0) return 0
    const at = find(words, print, 0, place, layout) + periodAt
    if (words[at] === 0) return 0
    const sum = readAmount(words, at + 1) + amount
    if (amount !== 0) writeAmount(words, at + 1, sum)
    return sum
  }

  return {
    get size() {
      return size
    },
    extend(print, period, mayAdd) {
      const place = placeOf(print, 0, placeKey)
      const shelf = shelves[place % count] as Shelf
      if (mayAdd && (shelf.entries + 1) * wordsPerPlace > shelf.words.length * mostUse) grow(shelf)
      const { words } = shelf
      if (words.length === 0) return 0
      const at = find(words, print, 0, place, layout)
      const before = read(words, at + periodAt)
      if (before === 0) {
        if (!mayAdd) return 0
        copy(print, 0, words, at, periodAt)
        for (let offset = periodAt + 1; offset < wordsPerPlace; offset++) words[at + offset] = 0
        shelf.entries += 1
        size += 1
      }
      if (period > before) words[at + periodAt] = period
      return before
    },
    amountOf: (print) => addTo(print, 0),
    add: addTo,
    sweep(places, present) {
      for (let left = places; left > 0 && clearedOf !== present; left--) {
        if (sweptShelf === 0 && swept === 0) startedIn = present
        const shelf = shelves[sweptShelf] as Shelf
        const period = shelf.words[swept + periodAt]
        if (period === undefined) endShelf(shelf)
        else if (period === 0 || period >= present) swept += wordsPerPlace
        else {
          remove(shelf.words, swept, layout)
          shelf.entries -= 1
          size -= 1
        }
      }
    },
  }
}

/**
 * Makes a part without entries. The parts of a table have about the same number of entries. Their sizes are spread over one
 * step of growth, so that they do not grow at about the same time.
 *
 * @param share - of the step, from 0 to 1.
 */
function emptyShelf(share: number): Shelf {
  return { words: new Int32Array(0), entries: 0, firstPlaces: Math.round(leastPlaces * growth ** share) }
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
 * The place of a fingerprint as a number of 32 bits.
 *
 * The sum is a universal hash: without the key, nobody can choose fingerprints that share a place. The bits are then
 * mixed (the finalizer of MurmurHash3), so that sums in a row do not lead to places in a row.
 *
 * @param at - where the fingerprint begins in `words`.
 */
export function placeOf(words: Int32Array, at: number, key: PlaceKey): number {
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

/** The position in `words` where the search for an entry begins. */
function start(words: Int32Array, place: number, { wordsPerPlace }: Layout): number {
  return Math.floor(place * 2 ** -32 * (words.length / wordsPerPlace)) * wordsPerPlace
}

function next(words: Int32Array, at: number, { wordsPerPlace }: Layout): number {
  return at + wordsPerPlace === words.length ? 0 : at + wordsPerPlace
}

/** The position of the fingerprint at `from[fromAt]`, or the free position for it. One place is always free. */
function find(words: Int32Array, from: Int32Array, fromAt: number, place: number, layout: Layout): number {
  const { periodAt } = layout
  let at = start(words, place, layout)
  while (words[at + periodAt] !== 0 && !isSame(words, at, from, fromAt, periodAt)) at = next(words, at, layout)
  return at
}

function isSame(words: Int32Array, at: number, from: Int32Array, fromAt: number, length: number): boolean {
  let offset = 0
  while (offset < length && words[at + offset] === from[fromAt + offset]) offset += 1
  return offset === length
}

/** Frees a place, and moves entries into it that a search would no longer reach past the free place. */
function remove(words: Int32Array, removed: number, layout: Layout): void {
  const { placeKey, periodAt, wordsPerPlace } = layout
  let free = removed
  for (let at = next(words, free, layout); words[at + periodAt] !== 0; at = next(words, at, layout)) {
    const from = start(words, placeOf(words, at, placeKey), layout)
    const isReached = free < at ? free < from && from <= at : free < from || from <= at
    if (isReached) continue
    copy(words, at, words, free, wordsPerPlace)
    free = at
  }
  words[free + periodAt] = 0
}

/** Moves a part to an array of another size. */
function resize(shelf: Shelf, factor: number, layout: Layout): void {
  const { placeKey, periodAt, wordsPerPlace } = layout
  const old = shelf.words
  const places = Math.floor((old.length / wordsPerPlace) * factor)
  const words = new Int32Array(Math.max(shelf.firstPlaces, places) * wordsPerPlace)
  for (let at = 0; at < old.length; at += wordsPerPlace) {
    if (old[at + periodAt] === 0) continue
    const place = placeOf(old, at, placeKey)
    copy(old, at, words, find(words, old, at, place, layout), wordsPerPlace)
  }
  shelf.words = words
}
