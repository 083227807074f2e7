/**
 * The back end of browsers, workers and edge hosts: WebCrypto. For algorithms that the host lacks (secp256k1
 * everywhere, Ed25519 in older browsers) it loads the portable back end on first use.
 *
 * @module
 */

import type { PublicKey, SignatureAlgorithm } from '../../did/public-key.ts'
import type { PreparedKey, SigningBackend, SigningKey } from './backend.ts'
import { importPublicKey, ownBytes, signingKeyOf, webAlgorithms } from './web-crypto-key.ts'
import { importSeed } from './web-seed.ts'

/** Signatures and hashes by `crypto.subtle`, which browsers have only in secure contexts. */
export const backend: SigningBackend = Object.freeze({
  name: 'web',
  sha256: async (bytes: Uint8Array) => new Uint8Array(await crypto.subtle.digest('SHA-256', ownBytes(bytes))),
  prepareKey: async (key: PublicKey) =>
    ((await prepareNative(key)) ?? (await preparePortable(key))) as unknown as PreparedKey,
  verify: async (key: PreparedKey, signature: Uint8Array, message: Uint8Array) =>
    (key as unknown as WebKey).verify(signature, message),
  generateKey: async (algorithm: SignatureAlgorithm) =>
    (await generateNative(algorithm)) ?? (await portable()).generateKey(algorithm),
  importKey: async (algorithm: SignatureAlgorithm, secret: Uint8Array) =>
    (await importNative(algorithm, secret)) ?? (await portable()).importKey(algorithm, secret),
})

interface WebKey {
  verify(signature: Uint8Array, message: Uint8Array): boolean | Promise<boolean>
}

function prepareNative(key: PublicKey): Promise<WebKey | undefined> {
  return onPlatform(key.algorithm, async (algorithm) => {
    const imported = await importPublicKey(key, algorithm)
    return {
      verify: (signature, message) =>
        crypto.subtle.verify(webAlgorithms[algorithm], imported, ownBytes(signature), ownBytes(message)),
    }
  })
}

async function preparePortable(key: PublicKey): Promise<WebKey> {
  const noble = await portable()
  const prepared = await noble.prepareKey(key)
  return { verify: (signature, message) => noble.verify(prepared, signature, message) }
}

function generateNative(algorithm: SignatureAlgorithm): Promise<SigningKey | undefined> {
  return onPlatform(algorithm, async (name) => {
    const pair = await crypto.subtle.generateKey(webAlgorithms[name], false, ['sign', 'verify'])
    return signingKeyOf(pair as CryptoKeyPair)
  })
}

/** For Ed25519 only: some platforms do not import an ECDSA key without its public key. */
async function importNative(algorithm: SignatureAlgorithm, seed: Uint8Array): Promise<SigningKey | undefined> {
  if (algorithm !== 'Ed25519') return undefined
  return onPlatform(algorithm, async (name) => signingKeyOf(await importSeed(seed, webAlgorithms[name])))
}

/** Undefined when the platform lacks the algorithm. The input is valid, so a failure cannot have another cause. */
async function onPlatform<T>(
  algorithm: SignatureAlgorithm,
  action: (algorithm: 'Ed25519' | 'ES256') => Promise<T>,
): Promise<T | undefined> {
  if (algorithm === 'ES256K') return undefined
  try {
    return await action(algorithm)
  } catch {
    return undefined
  }
}

async function portable(): Promise<SigningBackend> {
  return (await import('./noble.ts')).backend
}
