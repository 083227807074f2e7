// node only: reads fixtures
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { publicKey } from '../../../src/core/did/did-key.ts'
import type { PublicKey, SignatureAlgorithm } from '../../../src/core/did/public-key.ts'
import { decodeHex } from '../../../src/core/ipld/hex.ts'
import type { CryptoBackend, SigningBackend } from '../../../src/core/principal/backend/backend.ts'
import { backend as noble } from '../../../src/core/principal/backend/noble.ts'
import { backend as node } from '../../../src/core/principal/backend/node.ts'
import { type Sodium, sodiumBackend } from '../../../src/core/principal/backend/sodium.ts'
import { backend as web } from '../../../src/core/principal/backend/web.ts'
import { verifySignature } from '../../../src/core/principal/signature.ts'
import { MalformedError } from '../../../src/errors.ts'
import { shortCases } from '../../property/runs.ts'

const sodium = createRequire(import.meta.url)('sodium-native') as Sodium

/** The back ends that also sign. */
export const backends: readonly SigningBackend[] = [node, web, noble]

/** All back ends; each vector is put to each of them. */
export const verifyingBackends: readonly CryptoBackend[] = [...backends, sodiumBackend(sodium)]

/** A question with one right answer. */
export interface SignatureVector {
  readonly name: string
  readonly algorithm: SignatureAlgorithm
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
  readonly valid: boolean
  /** The verdict and the names of the fault or of the edge case. Vectors of one kind are likely to fail together. */
  readonly kind?: string
}

interface WycheproofFile {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk?: string; readonly uncompressed?: string }
    readonly tests: readonly {
      readonly tcId: number
      readonly msg: string
      readonly sig: string
      readonly result: 'valid' | 'invalid'
      readonly flags: readonly string[]
    }[]
  }[]
}

/** Reads a file of Wycheproof. */
export function wycheproof(algorithm: SignatureAlgorithm): readonly SignatureVector[] {
  const { testGroups } = readFixture(`C2SP-wycheproof/${wycheproofFiles[algorithm]}`) as WycheproofFile
  return testGroups.flatMap(({ publicKey: { pk, uncompressed }, tests }) =>
    tests.map(({ tcId, msg, sig, result, flags }) => ({
      name: `${algorithm} ${tcId}`,
      algorithm,
      key: pk === undefined ? compress(decodeHex(uncompressed ?? '')) : decodeHex(pk),
      message: decodeHex(msg),
      signature: decodeHex(sig),
      valid: result === 'valid',
      kind: [result, ...flags].join(' '),
    })),
  )
}

/** The ECDSA vectors for slow arithmetic: `npm test` tries a part of each kind, and all of them if `CI` is set. */
export function shortWycheproof(algorithm: 'ES256' | 'ES256K'): readonly SignatureVector[] {
  return shortCases(wycheproof(algorithm), ({ kind = '' }) => kind)
}

/** Reads the twelve cases of "Taming the many EdDSAs"; the strict rule accepts only the case of index 3. */
export function speccheck(): readonly SignatureVector[] {
  const cases = readFixture('novifinancial-ed25519-speccheck/cases.json') as readonly Record<string, string>[]
  return cases.map(({ message = '', pub_key = '', signature = '' }, index) => ({
    name: `speccheck ${index}`,
    algorithm: 'Ed25519',
    key: decodeHex(pub_key),
    message: decodeHex(message),
    signature: decodeHex(signature),
    valid: index === 3,
  }))
}

/** The verdict of the library: it reads the key, then verifies the signature. */
export async function verdict(
  backend: CryptoBackend,
  vector: Omit<SignatureVector, 'name' | 'valid'>,
): Promise<boolean> {
  let key: PublicKey
  try {
    key = publicKey(vector.algorithm, vector.key)
  } catch (error) {
    if (error instanceof MalformedError) return false
    throw error
  }
  return verifySignature(backend, key, await backend.prepareKey(key), vector.signature, vector.message)
}

const wycheproofFiles = {
  Ed25519: 'ed25519_test.json',
  ES256: 'ecdsa_secp256r1_sha256_p1363_test.json',
  ES256K: 'ecdsa_secp256k1_sha256_p1363_test.json',
}

function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../fixtures/crypto/${name}`, import.meta.url), 'utf8'))
}

function compress(point: Uint8Array): Uint8Array {
  return Uint8Array.of(2 + (point[64]! & 1), ...point.subarray(1, 33))
}
