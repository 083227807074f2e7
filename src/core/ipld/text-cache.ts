/** A cache of decoded strings. */
export interface TextCache {
  /**
   * Returns the string of the bytes from `start` to `end`.
   *
   * @param decode - decodes bytes that are not in the cache. Its errors are passed on.
   */
  read(
    bytes: Uint8Array,
    start: number,
    end: number,
    decode: (bytes: Uint8Array, start: number, end: number) => string,
  ): string
}

/** The number of strings in the cache. */
const places = 2048

/** The length of the longest string in the cache: the length of the longest DID. */
const longest = 128

/**
 * Creates a cache of strings. Names of fields, DIDs and commands recur in most tokens, and comparing bytes takes a
 * fifth of the time of decoding a string. Each string has one place, given by its length and its last bytes; a new
 * string replaces the one at its place.
 */
export function createTextCache(): TextCache {
  const texts = new Array<string>(places).fill('')
  return {
    read(bytes, start, end, decode) {
      const length = end - start
      let place = length
      for (let at = Math.max(start, end - 5); at < end; at++) place = (place * 31 + (bytes[at] as number)) % places
      const known = texts[place] as string
      if (known.length === length && isAt(known, bytes, start)) return known
      const text = decode(bytes, start, end)
      // A string with as many characters as bytes is ASCII, which `isAt` assumes.
      if (text.length === length && length <= longest) texts[place] = text
      return text
    },
  }
}

function isAt(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
