/** Encodes an Ed25519 seed as PKCS#8 (RFC 8410), 48 bytes. */
export function encodeEd25519Pkcs8(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  const der = new Uint8Array(ed25519Prefix.length + 32)
  der.set(ed25519Prefix)
  der.set(seed, ed25519Prefix.length)
  return der
}

/** The first 16 bytes of every Ed25519 key; the seed follows. */
const ed25519Prefix: readonly number[] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20]
