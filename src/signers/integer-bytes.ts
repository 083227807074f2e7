/**
 * Writes a non-negative integer with 32 bytes, as the halves of a raw ECDSA signature have them. SSH and DER write
 * integers with as many bytes as they need, and a zero before a high first bit.
 *
 * @param integer - big-endian.
 * @returns undefined when the integer is empty, negative or too large.
 */
export function integerBytes(integer: Uint8Array): Uint8Array | undefined {
  const digits = integer[0] === 0 ? integer.subarray(1) : integer
  if (integer.length === 0 || digits.length > 32 || ((integer[0] ?? 0) & 0x80) !== 0) return undefined
  const bytes = new Uint8Array(32)
  bytes.set(digits, 32 - digits.length)
  return bytes
}
