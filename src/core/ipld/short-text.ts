/**
 * Short strings. A call of the platform's decoder costs more than reading them here.
 *
 * @module
 */

/** From this length in bytes on, the platform's text decoder is faster. */
const longText = 20

/** Decodes the bytes from `position` to `end` if they are short and ASCII. Otherwise the general decoder reads them. */
export function decodeShortText(bytes: Uint8Array, position: number, end: number): string | undefined {
  if (end - position >= longText) return undefined
  let text = ''
  let at = position
  // Four characters a call, because a string of single characters is stored in as many pieces.
  for (; at + 3 < end; at += 4) {
    const [first, second, third, fourth] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as Four
    if ((first | second | third | fourth) >= 0x80) return undefined
    text += String.fromCharCode(first, second, third, fourth)
  }
  for (; at < end; at++) {
    const byte = bytes[at] as number
    if (byte >= 0x80) return undefined
    text += String.fromCharCode(byte)
  }
  return text
}

type Four = [number, number, number, number]

/**
 * Returns a string of 32 characters, one for each byte from `at`. Written out because a decision needs the key of each
 * proof twice, and `apply` takes four times as long.
 */
export function latin1Of32(d: Uint8Array, at: number): string {
  // biome-ignore format: four rows of eight bytes, which the formatter writes as 32 lines
  return (String.fromCharCode as (...units: (number | undefined)[]) => string)(
    d[at], d[at + 1], d[at + 2], d[at + 3], d[at + 4], d[at + 5], d[at + 6], d[at + 7],
    d[at + 8], d[at + 9], d[at + 10], d[at + 11], d[at + 12], d[at + 13], d[at + 14], d[at + 15],
    d[at + 16], d[at + 17], d[at + 18], d[at + 19], d[at + 20], d[at + 21], d[at + 22], d[at + 23],
    d[at + 24], d[at + 25], d[at + 26], d[at + 27], d[at + 28], d[at + 29], d[at + 30], d[at + 31],
  )
}
