/** Gives the text that bytes say, and the same string for the same bytes. */
export interface TextCache {
  /** @param decode - reads the bytes from `start` to `end` when they have not been met. What it throws is passed on. */
  read(
    bytes: Uint8Array,
    start: number,
    end: number,
    decode: (bytes: Uint8Array, start: number, end: number) => string,
  ): string
}

/** Texts that are kept. */
const places = 2048

/** Longest text that is kept: a DID may have as many characters. */
const longest = 128

/**
 * Makes a cache of texts. Names of fields, DIDs and commands stand in most tokens again, and comparing bytes costs a
 * fifth of making a string. Each text has one place, by its length and its end; another one there takes it over.
 */
export function createTextCache(): TextCache {
  const texts = Array.from({ length: places }, () => '')
  return {
    read(bytes, start, end, decode) {
      const length = end - start
      let place = length
      for (let at = Math.max(start, end - 5); at < end; at++) place = (place * 31 + (bytes[at] as number)) % places
      const known = texts[place] as string
      if (known.length === length && isAt(known, bytes, start)) return known
      const text = decode(bytes, start, end)
      // Only ASCII has as many characters as bytes, and is compared as such.
      if (text.length === length && length <= longest) texts[place] = text
      return text
    },
  }
}

function isAt(text: string, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
  return true
}
