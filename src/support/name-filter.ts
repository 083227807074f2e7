/**
 * Filters in front of large maps of names.
 *
 * A look-up in a map of many strings reads about three places of memory that no cache of the processor has. A filter
 * has two to four bytes for a name, so most names that are not in the map are recognized within the cache.
 *
 * @module
 */

/** Names of a map, as bits. A bit that remains of a removed name only makes the map be asked. */
export interface NameFilter {
  /** Notes that the map has a name. Call it for each name that is added. */
  add(name: string): void
  /** Notes that the map lost a name. */
  noteRemoval(): void
  /** Returns false only for a name that the map does not have. */
  mayHave(name: string): boolean
}

/** Maps of fewer names are within the cache themselves. */
const leastNames = 1_024
/** The largest number of names for which a filter is made: it takes 32 MB. */
const mostNames = 2 ** 24
/** Two bits of a word are set for each name. With two names a word, 1 of 60 other names is in the filter. */
const namesPerWord = 2
/** The last characters of a name that are read. In a CID and a `did:key` they are a part of a hash or key. */
const charactersRead = 8
/** Names that one addition copies to a new filter. */
const copiedAtOnce = 4

/**
 * Makes the filter of a map.
 *
 * No call takes time that grows with the map. When the map has more names than the filter is made for, or as many
 * removals, another filter is made, by a few names with each addition. It has room for up to twice as many names as the
 * map has: one with more would take more of the cache.
 *
 * @param names - the map. The filter sees its keys only. Call `add` for each one.
 * @param maxNames - the largest number of names for which a filter is made. With more, it becomes less useful.
 */
export function createNameFilter(names: ReadonlyMap<string, unknown>, maxNames: number): NameFilter {
  const mostWords = Math.ceil(Math.min(Math.max(maxNames, leastNames), mostNames) / namesPerWord)
  let bits: Uint32Array | undefined
  /** The filter that is being made, and the names that it still lacks. */
  let next: { readonly bits: Uint32Array; readonly rest: Iterator<string> } | undefined
  let removals = 0

  /** Makes a filter without bits. Adding one name more than a power of two doubles it. */
  function emptyBits(): Uint32Array {
    const places = 2 ** Math.ceil(Math.log2(Math.max(names.size, leastNames)))
    return new Uint32Array(Math.min(places / namesPerWord, mostWords))
  }

  function startCopy(): void {
    removals = 0
    next = { bits: emptyBits(), rest: names.keys() }
  }

  function copySome(): void {
    for (let left = copiedAtOnce; left > 0 && next !== undefined; left--) {
      const { done, value } = next.rest.next()
      if (!done) setBits(next.bits, value)
      else {
        bits = next.bits
        next = undefined
      }
    }
  }

  return {
    add(name) {
      if (bits === undefined) {
        if (names.size < leastNames) return
        bits = emptyBits()
        for (const known of names.keys()) setBits(bits, known)
      }
      const room = bits.length * namesPerWord
      if (next === undefined && bits.length < mostWords && names.size > room) startCopy()
      setBits(bits, name)
      // It visits the names that are added meanwhile as well: an iterator of a map does.
      copySome()
    },
    noteRemoval() {
      removals += 1
      if (bits !== undefined && next === undefined && removals >= bits.length * namesPerWord) startCopy()
    },
    mayHave(name) {
      if (bits === undefined) return true
      const hash = hashOf(name)
      const mask = maskOf(hash)
      return ((bits[placeOf(hash, bits.length)] as number) & mask) === mask
    },
  }
}

function setBits(bits: Uint32Array, name: string): void {
  const hash = hashOf(name)
  const place = placeOf(hash, bits.length)
  bits[place] = (bits[place] as number) | maskOf(hash)
}

/** FNV-1a of the last characters, and the finalizer of MurmurHash3. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5
  for (let at = Math.max(0, name.length - charactersRead); at < name.length; at++)
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** Two bits, by the last ten bits of the hash. */
function maskOf(hash: number): number {
  return (1 << (hash & 31)) | (1 << ((hash >>> 5) & 31))
}

/** A place, by a product in whose first bits all bits of the hash have a part. */
function placeOf(hash: number, places: number): number {
  return Math.floor((Math.imul(hash, 0x9e3779b1) >>> 0) * 2 ** -32 * places)
}
