import { createAmountTable, createStringTable, type Fingerprint, randomPlaceKey } from '../../support/expiring-table.ts'
import type { Timestamp } from '../../time.ts'

/** The amounts of limits that are never given back. */
export interface FinalAmounts {
  /** The number of limits, those included whose time is over and that are not forgotten yet. */
  readonly size: number
  /** The amount of a limit; 0 for one that is unknown. */
  amountOf(key: string): number
  /**
   * Adds an entry for a limit, or extends it. It is kept until a time, or up to 64 seconds longer.
   *
   * @throws RangeError when no memory is left; the entries are then as before.
   */
  keep(key: string, until: Timestamp): void
  /** Adds to the amount of a limit that has an entry. */
  add(key: string, amount: number): void
  /** Examines the next places, in a circle over all of them, and forgets the limits whose time is over. */
  sweep(places: number, now: Timestamp): void
}

/** The resolution of times: entries are kept until the end of the period in which their time is over. */
const periodSeconds = 64
/** A table counts up to here. */
const forever = 2 ** 31 - 1

/**
 * Makes a table without entries. It keeps 128 bits of the hash in the key of a chain's limit, and the index after it,
 * as numbers outside the JavaScript heap (decision 057). Other strings are kept whole, within it.
 *
 * @param maxEntries - the size that it is made for.
 */
export function createFinalAmounts(maxEntries: number): FinalAmounts {
  const hashes = createAmountTable(maxEntries, randomPlaceKey(wordsOfPrint))
  const others = createStringTable()
  const print: Fingerprint = new Int32Array(wordsOfPrint)
  /** The key that was read last, and whether `print` is its fingerprint: a call asks about its limit several times. */
  let lastKey = ''
  let isHash = false
  /** Periods are counted from the first time seen. */
  let first: number | undefined

  function periodOf(time: Timestamp): number {
    first ??= Math.floor(time / periodSeconds)
    return Math.max(1, Math.min(Math.floor(time / periodSeconds) - first + 1, forever))
  }

  function read(key: string): boolean {
    if (key !== lastKey) {
      isHash = readFingerprint(key, print)
      lastKey = key
    }
    return isHash
  }

  return {
    get size() {
      return hashes.size + others.size
    },
    amountOf: (key) => (read(key) ? hashes.amountOf(print) : others.amountOf(key)),
    keep(key, until) {
      const period = periodOf(until)
      if (read(key)) hashes.extend(print, period, true)
      else others.extend(key, period, true)
    },
    add(key, amount) {
      if (read(key)) hashes.add(print, amount)
      else others.add(key, amount)
    },
    sweep(places, now) {
      const present = periodOf(now)
      hashes.sweep(places, present)
      others.sweep(places, present)
    },
  }
}

/** 128 bits of a hash, and the index of a statement. */
const wordsOfPrint = 5
const indexAt = 4

/** The values of the letters of base32 by their character codes. */
const letters = Int8Array.from({ length: 128 }, (_, code) =>
  'abcdefghijklmnopqrstuvwxyz234567'.indexOf(String.fromCharCode(code)),
)

/** The CID of a token begins with 30 bits that are always the same, and then 2 more. */
const prefix = 'bafyrei'
const lengthOfCid = 59
/** The index follows after a dot. A policy has 256 statements at most. */
const mostDigits = 3

/** Reads the key of a chain's limit into `print`. Returns false for another string. */
function readFingerprint(key: string, print: Fingerprint): boolean {
  const index = readIndex(key)
  if (index < 0 || !key.startsWith(prefix)) return false
  // The first letter after the prefix contains 3 bits of the hash, and 25 more letters contain 125.
  const first = letterAt(key, prefix.length)
  const rest = (first << 5) | letterAt(key, prefix.length + 1)
  let all = rest | (7 - first)
  for (let word = 0; word < 4; word++) {
    const at = prefix.length + 2 + 6 * word
    const high = (letterAt(key, at) << 10) | (letterAt(key, at + 1) << 5) | letterAt(key, at + 2)
    const low = (letterAt(key, at + 3) << 10) | (letterAt(key, at + 4) << 5) | letterAt(key, at + 5)
    all |= high | low
    print[word] = (high << 17) | (low << 2) | ((rest >> (2 * word)) & 3)
  }
  print[indexAt] = index
  return all >= 0
}

/** The number after the CID, or -1 when it is not in the usual form: one with zeros before it would be another key. */
function readIndex(key: string): number {
  const digits = key.length - lengthOfCid - 1
  if (digits < 1 || digits > mostDigits || key[lengthOfCid] !== '.') return -1
  let index = 0
  for (let at = lengthOfCid + 1; at < key.length; at++) {
    const digit = key.charCodeAt(at) - 48
    if (digit < 0 || digit > 9 || (index === 0 && at > lengthOfCid + 1)) return -1
    index = 10 * index + digit
  }
  return index
}

/** The value of a letter, or a negative number. */
function letterAt(key: string, at: number): number {
  return letters[key.charCodeAt(at)] ?? -1
}
