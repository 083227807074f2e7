/** Returns a PKCS#8 file (48 bytes) that holds an Ed25519 seed (RFC 8410). */
export function encodeEd25519Pkcs8(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  const der = new Uint8Array(ED25519_PREFIX.length + 32)
  der.set(ED25519_PREFIX)
  der.set(seed, ED25519_PREFIX.length)
  return der
}

/** The first 16 bytes of the file for Ed25519, which are always the same; the seed follows. */
const ED25519_PREFIX: readonly number[] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]
