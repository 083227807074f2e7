/** Encodes a point of a curve of ECDSA as 33 bytes (SEC 1, section 2.3.3). */
export function compressPoint(x: Uint8Array, y: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(33)
  bytes[0] = 2 + ((y[31] ?? 0) & 1)
  bytes.set(x, 1)
  return bytes
}
