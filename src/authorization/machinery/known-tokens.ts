import { equalBytes } from '#equal-bytes'

/**
 * A memory of hashes: the {@link digestKey} of tokens that most calls contain, by all of their bytes. Comparing bytes takes
 * a fifth of the time of hashing them. It does not decide whether a token is valid: only the cache of the key does.
 */
export interface KnownTokens {
  /** The key of the bytes, if {@link KnownTokens.add} was called with equal bytes. */
  find(bytes: Uint8Array): string | undefined
  /**
   * Remembers the key of a token that is added for the second time, and may forget that of another token. The bytes are
   * copied.
   *
   * @param key - the `digestKey` of the hash of these bytes.
   */
  add(bytes: Uint8Array, key: string): void
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
 * Makes an empty memory. A token has one place, given by two bytes of its signature. It replaces the token that is there
 * when it is added twice in succession, so that a service with more delegations than places does not copy all of them.
 *
 * Add only tokens whose signature was verified: a stranger could otherwise replace the tokens of others.
 */
export function createKnownTokens(): KnownTokens {
  const table = new Map<number, Known>()
  const candidates = new Map<number, string>()
  return {
    find(bytes) {
      const known = table.get(placeOf(bytes))
      return known !== undefined && equalBytes(known.bytes, bytes) ? known.key : undefined
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
