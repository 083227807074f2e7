import type { PublicKey, SignatureAlgorithm } from '../../did/public-key.ts'
import type { PreparedKey, SigningBackend } from './backend.ts'

/**
 * Replaces secp256k1 of a back end by `@noble/curves`, for hosts that have Node's interface without OpenSSL: Bun lacks
 * the curve, and Deno refuses the signature with the higher s.
 */
export function withPortableSecp256k1(host: SigningBackend): SigningBackend {
  const verify = (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
    isPortable(key) ? key.noble.verify(key.key, signature, message) : host.verify(key, signature, message)
  return Object.freeze({
    ...host,
    prepareKey: (key: PublicKey) => (key.algorithm === 'ES256K' ? preparePortable(key) : host.prepareKey(key)),
    verify,
    verifyAsync: async (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
      isPortable(key) || host.verifyAsync === undefined
        ? verify(key, signature, message)
        : host.verifyAsync(key, signature, message),
    generateKey: (algorithm: SignatureAlgorithm) =>
      algorithm === 'ES256K' ? load().then((noble) => noble.generateKey(algorithm)) : host.generateKey(algorithm),
    importKey: (algorithm: SignatureAlgorithm, secret: Uint8Array) =>
      algorithm === 'ES256K'
        ? load().then((noble) => noble.importKey(algorithm, secret))
        : host.importKey(algorithm, secret),
  })
}

interface PortableKey extends PreparedKey {
  readonly noble: SigningBackend
  readonly key: PreparedKey
}

function isPortable(key: PreparedKey): key is PortableKey {
  return 'noble' in key
}

async function preparePortable(key: PublicKey): Promise<PreparedKey> {
  const noble = await load()
  const portable: Omit<PortableKey, keyof PreparedKey> = { noble, key: await noble.prepareKey(key) }
  return portable as PortableKey
}

/** Loaded on first use: it is as large as the rest of the library. */
async function load(): Promise<SigningBackend> {
  return (await import('./noble.ts')).backend
}
