import { createBoundedMap } from './bounded-map.ts'

/**
 * Makes a reader of texts that knows what it has read before: the same few DIDs and commands stand in most tokens, and
 * reading one costs more than looking it up. Equal texts become one string in memory.
 *
 * @param parse - reads a text, and throws when it cannot. What it refuses is not remembered.
 * @param max - most texts that are remembered.
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
