import { createBoundedMap } from './bounded-map.ts'
import { type Did, parseDid } from './did.ts'

/**
 * Makes a `parseDid` that knows the DIDs it has read before: the same few principals stand in most tokens, and reading
 * the key in a `did:key` costs more than looking the text up. Equal DIDs are one string in memory.
 *
 * @param max - most DIDs that are remembered.
 */
export function createDidReader(max: number): (text: string) => Did {
  const known = createBoundedMap<Did>(max)
  return (text) => {
    const met = known.get(text)
    if (met !== undefined) return met
    const did = parseDid(text)
    known.set(did, did)
    return did
  }
}
