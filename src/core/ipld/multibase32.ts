/** The character codes of the digits of base32 (RFC 4648, section 6, in lower case). */
const digits32: readonly number[] = Array.from('abcdefghijklmnopqrstuvwxyz234567', (digit) => digit.charCodeAt(0))

/**
 * Writes bytes in base32 without padding, with the letter `b` before it, in a third of the time of `multiformats` and
 * as one piece of memory: that encoder joins single characters. A service names each new delegation, and a record
 * contains the name of each token of a call.
 *
 * @param bytes - at most a few hundred, such as those of a CID.
 */
export function multibase32(bytes: Uint8Array): string {
  const codes = new Array<number>(1 + Math.ceil((bytes.length * 8) / 5))
  codes[0] = 0x62
  let to = 1
  let rest = 0
  let bits = 0
  for (const byte of bytes) {
    rest = ((rest << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) codes[to++] = digits32[(rest >>> (bits - 5)) & 31] as number
  }
  if (bits > 0) codes[to] = digits32[(rest << (5 - bits)) & 31] as number
  return String.fromCharCode.apply(null, codes)
}
