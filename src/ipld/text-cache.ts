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

interface Met {
  readonly bytes: Uint8Array
  readonly text: string
}

/** Bits of a slot's number. */
const slotBits = 11

/** Longest text that is kept, in bytes: a DID may have as many. */
const longest = 128

/**
 * Makes a cache of texts. Names of fields, DIDs and commands stand in most tokens again, and comparing bytes costs a
 * fifth of making a string. Each text has one place; another one of the same place takes it over.
 */
export function createTextCache(): TextCache {
  const slots: (Met | undefined)[] = Array.from({ length: 1 << slotBits })
  return {
    read(bytes, start, end, decode) {
      const length = end - start
      if (length === 0 || length > longest) return decode(bytes, start, end)
      const slot = slotOf(bytes, end, length)
      const met = slots[slot]
      if (met !== undefined && met.bytes.length === length && isAt(met.bytes, bytes, start)) return met.text
      const text = decode(bytes, start, end)
      slots[slot] = { bytes: bytes.slice(start, end), text }
      return text
    },
  }
}

/** By the length and the last bytes, in which DIDs and names of fields differ. */
function slotOf(bytes: Uint8Array, end: number, length: number): number {
  const from = end - Math.min(length, 5)
  let hash = length
  for (let at = from; at < end; at++) hash = Math.imul(hash, 0x1f) + (bytes[at] as number)
  return Math.imul(hash, 0x9e3779b1) >>> (32 - slotBits)
}

function isAt(expected: Uint8Array, bytes: Uint8Array, start: number): boolean {
  for (let i = 0; i < expected.length; i++) if (expected[i] !== bytes[start + i]) return false
  return true
}
