import { createPublicKey, type KeyObject, verify } from 'node:crypto'

/** Verifies Ed25519 signatures with `node:crypto`, and keeps the key objects by the name that comes with each. */
export function createNativeVerify(): (
  name: string,
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
) => boolean {
  const keys = new Map<string, KeyObject>()
  return (name, publicKey, message, signature) => {
    let key = keys.get(name)
    if (key === undefined) {
      const x = Buffer.from(publicKey).toString('base64url')
      key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
      keys.set(name, key)
    }
    return verify(null, message, key, signature)
  }
}
