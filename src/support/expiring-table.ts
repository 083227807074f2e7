/**
 * Tables of keys, each with the last period in which it counts. Periods are integers from 1 to 2^31 - 1.
 *
 * A key that is a fingerprint of 128 bits is kept as numbers in typed arrays: it takes 25 to 38 bytes, and the garbage
 * collector does not visit it.
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

/** 128 bits as four numbers of 32 bits. */
export type Fingerprint = Int32Array

/** Five numbers that determine the places of a table of fingerprints. */
export type PlaceKey = Int32Array

/** A part of a table. Each part grows by itself, so no call moves more than one part. */
interface Shelf {
  /** Five numbers for each place: the fingerprint and its period, which is 0 where the place is free. */
  words: Int32Array
  entries: number
}

const wordsPerPlace = 5
const periodAt = 4
/** The least length of `words`. */
const leastWords = 16 * wordsPerPlace
/** Moving a larger part would take more than a millisecond. */
const entriesPerShelf = 16_384
const mostShelves = 4_096
const growth = 1.5
/** The shares of the places in use at which a part grows and shrinks. A fuller one would have long searches. */
const mostUse = 0.8
const leastUse = 0.25

/** A key for the places of a new table, at random. */
export function randomPlaceKey(): PlaceKey {
  return globalThis.crypto.getRandomValues(new Int32Array(5))
}

/**
 * Makes an empty table of fingerprints.
 *
 * @param maxEntries - the size that it is made for; it determines the number of parts.
 * @param placeKey - see {@link randomPlaceKey}.
 */
export function createFingerprintTable(maxEntries: number, placeKey: PlaceKey): ExpiringTable<Fingerprint> {
  const count = Math.min(mostShelves, Math.max(1, Math.ceil(maxEntries / entriesPerShelf)))
  const shelves: Shelf[] = Array.from({ length: count }, () => ({ words: new Int32Array(0), entries: 0 }))
  let size = 0
  /** The position that `sweep` examines next. */
  let sweptShelf = 0
  let swept = 0
  /** The period at the start of this circle, and the period at the start of the last complete one. */
  let startedIn = 0
  let clearedOf = 0

  function grow(shelf: Shelf): void {
    resize(shelf, growth, placeKey)
    // The entries of this part have other positions now.
    if (shelves[sweptShelf] === shelf) swept = 0
  }

  function endShelf({ words, entries }: Shelf): void {
    const isSparse = entries * wordsPerPlace < words.length * leastUse
    if (isSparse && words.length > leastWords) resize(shelves[sweptShelf] as Shelf, 1 / 2, placeKey)
    swept = 0
    sweptShelf = (sweptShelf + 1) % count
    if (sweptShelf === 0) clearedOf = startedIn
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
      const at = find(words, print, 0, place)
      const before = read(words, at + periodAt)
      if (before === 0) {
        if (!mayAdd) return 0
        copy(print, 0, words, at, periodAt)
        shelf.entries += 1
        size += 1
      }
      if (period > before) words[at + periodAt] = period
      return before
    },
    sweep(places, present) {
      for (let left = places; left > 0 && clearedOf !== present; left--) {
        if (sweptShelf === 0 && swept === 0) startedIn = present
        const shelf = shelves[sweptShelf] as Shelf
        const period = shelf.words[swept + periodAt]
        if (period === undefined) endShelf(shelf)
        else if (period === 0 || period >= present) swept += wordsPerPlace
        else {
          remove(shelf.words, swept, placeKey)
          shelf.entries -= 1
          size -= 1
        }
      }
    },
  }
}

/** Makes an empty table of strings of any form. They are kept whole, in the JavaScript heap. */
export function createStringTable(): ExpiringTable<string> {
  const periods = new Map<string, number>()
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
    sweep(places, present) {
      for (let left = places; left > 0 && clearedOf !== present; left--) {
        const { done, value } = rest.next()
        if (done) {
          clearedOf = startedIn
          startedIn = present
          rest = periods.entries()
        } else if (value[1] < present) periods.delete(value[0])
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
  let sum = read(key, 4)
  for (let offset = 0; offset < 4; offset++) sum = (sum + Math.imul(read(words, at + offset), read(key, offset))) | 0
  const folded = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b)
  const mixed = Math.imul(folded ^ (folded >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function read(words: Int32Array, at: number): number {
  return words[at] as number
}

/** Copies a few numbers. For so few, the method `set` takes longer. */
function copy(from: Int32Array, fromAt: number, to: Int32Array, toAt: number, count: number): void {
  for (let offset = 0; offset < count; offset++) to[toAt + offset] = read(from, fromAt + offset)
}

/** The position in `words` where the search for an entry begins. */
function start(words: Int32Array, place: number): number {
  return Math.floor(place * 2 ** -32 * (words.length / wordsPerPlace)) * wordsPerPlace
}

function next(words: Int32Array, at: number): number {
  return at + wordsPerPlace === words.length ? 0 : at + wordsPerPlace
}

/** The position of the fingerprint at `from[fromAt]`, or the free position for it. One place is always free. */
function find(words: Int32Array, from: Int32Array, fromAt: number, place: number): number {
  let at = start(words, place)
  while (
    words[at + periodAt] !== 0 &&
    (words[at] !== from[fromAt] ||
      words[at + 1] !== from[fromAt + 1] ||
      words[at + 2] !== from[fromAt + 2] ||
      words[at + 3] !== from[fromAt + 3])
  ) {
    at = next(words, at)
  }
  return at
}

/** Frees a place, and moves entries into it that a search would no longer reach past the free place. */
function remove(words: Int32Array, removed: number, placeKey: PlaceKey): void {
  let free = removed
  for (let at = next(words, free); words[at + periodAt] !== 0; at = next(words, at)) {
    const from = start(words, placeOf(words, at, placeKey))
    const isReached = free < at ? free < from && from <= at : free < from || from <= at
    if (isReached) continue
    copy(words, at, words, free, wordsPerPlace)
    free = at
  }
  words[free + periodAt] = 0
}

/** Moves a part to an array of another size. */
function resize(shelf: Shelf, factor: number, placeKey: PlaceKey): void {
  const old = shelf.words
  const places = Math.floor((old.length / wordsPerPlace) * factor)
  const words = new Int32Array(Math.max(leastWords, places * wordsPerPlace))
  for (let at = 0; at < old.length; at += wordsPerPlace) {
    if (old[at + periodAt] === 0) continue
    copy(old, at, words, find(words, old, at, placeOf(old, at, placeKey)), wordsPerPlace)
  }
  shelf.words = words
}
