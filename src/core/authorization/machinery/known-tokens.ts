/**
 * The memory of known tokens.
 *
 * @module
 */

import type { BoundedMap } from '../../../support/bounded-map.ts'
import { bytesEqual } from '../../ipld/bytes.ts'
import type { ChainLink, Link } from '../chain.ts'

/**
 * A memory of hashes: the `digestKey` of tokens that most calls contain, by all of their bytes. Comparing bytes takes
 * a fifth of the time of hashing them. It does not decide whether a token is valid: only the cache of the key does.
 */
export interface KnownTokens {
  /** The key of the bytes, if {@link KnownTokens.add} was called with equal bytes. */
  find(bytes: Uint8Array): string | undefined
  /**
   * Remembers the key of a token that is added for the second time, and may forget the key of another token. The bytes
   * are copied.
   *
   * @param key - the `digestKey` of the hash of these bytes.
   */
  add(bytes: Uint8Array, key: string): void
}

/** The tokens of a container, each with its link if its bytes and their signature are known. */
export interface OwnTokens {
  /** In memory that the caller cannot change, unless there is a link. */
  readonly bytes: readonly Uint8Array[]
  readonly links: readonly (ChainLink | undefined)[]
}

/** The caches by which tokens are recognized. */
export interface RecognizingCaches {
  readonly tokens: KnownTokens
  readonly links: Pick<BoundedMap<Link>, 'get'>
}

/** A power of two. With {@link longest}, all places take at most 1 MB. */
const places = 1024

/** The length in bytes of the longest token that is remembered. */
const longest = 1024

/** The offset of the signature in a token, after the heads of the envelope. */
const signatureAt = 3

interface Known {
  readonly bytes: Uint8Array
  readonly key: string
}

/**
 * Makes an empty memory. A token has one place, given by two bytes of its signature. It replaces the token that is
 * there when it is added twice in succession, so that a service with more delegations than places does not copy all of
 * them.
 *
 * Add only tokens whose signature was verified: a stranger could otherwise replace the tokens of others.
 */
export function createKnownTokens(): KnownTokens {
  const table = new Map<number, Known>()
  const candidates = new Map<number, string>()
  return {
    find(bytes) {
      const known = table.get(placeOf(bytes))
      return known !== undefined && bytesEqual(known.bytes, bytes) ? known.key : undefined
    },
    add(bytes, key) {
      if (bytes.length > longest) return
      const place = placeOf(bytes)
      if (candidates.get(place) !== key) candidates.set(place, key)
      // The caller may change its bytes, and `slice` of a subclass may share memory.
      else table.set(place, { bytes: new Uint8Array(bytes), key })
    },
  }
}

function placeOf(bytes: Uint8Array): number {
  return ((bytes[signatureAt] ?? 0) | ((bytes[signatureAt + 1] ?? 0) << 8)) % places
}

/**
 * Recognizes the tokens whose signature was verified before, and copies the others if they are views of the caller's
 * bytes: a single one alone, several with all of the container. It does not wait, so the caller cannot change any bytes
 * in between. No later step reads the bytes of the caller.
 */
export function recognize(
  tokens: readonly Uint8Array[],
  container: string | Uint8Array,
  caches: RecognizingCaches,
): OwnTokens {
  // `map` makes lists of the length that they keep.
  const links = tokens.map((token) => linkOf(token, caches))
  if (typeof container === 'string' || tokens[0]?.buffer !== container.buffer) return { bytes: tokens, links }
  let unknown = 0
  for (const link of links) if (link === undefined) unknown += 1
  const copy = unknown > 1 ? new Uint8Array(container) : undefined
  const bytes = tokens.map((token, index) => {
    if (links[index] !== undefined) return token
    const start = token.byteOffset - container.byteOffset
    return copy?.subarray(start, start + token.length) ?? new Uint8Array(token)
  })
  return { bytes, links }
}

function linkOf(token: Uint8Array, { tokens, links }: RecognizingCaches): ChainLink | undefined {
  const key = tokens.find(token)
  const link = key === undefined ? undefined : links.get(key)
  return key === undefined || link === undefined ? undefined : { link, key, unverified: undefined }
}
