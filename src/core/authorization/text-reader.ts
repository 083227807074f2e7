import { createBoundedMap } from '../../support/bounded-map.ts'

/**
 * Makes a parser with a cache. Most tokens contain the same few DIDs and commands, and a look-up costs less than
 * parsing. Equal texts become one string in memory.
 *
 * @param parse - parses a text, and throws when it is malformed. Failures are not cached.
 * @param max - most texts in the cache.
 */
export function createTextReader<T extends string>(parse: (text: string) => T, max: number): (text: string) => T {
  const known = createBoundedMap<T>(max)
  return (text) => {
    const met = known.get(text)
    if (met !== undefined) return met
    const read = parse(text)
    known.set(read, read)
    return read
  }
}
