// node only: reads files

/**
 * Reads the public vectors of signatures.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { root } from './entries.ts'
import type { Suites, Vector } from './smoke.ts'

const folder = `${root}test/fixtures/crypto`

/** How many vectors of each suite the strict rule accepts (`spec/identity.md`). */
export const accepted: Readonly<Record<string, number>> = {
  'wycheproof Ed25519': 88,
  'wycheproof P-256': 173,
  'wycheproof secp256k1': 167,
  speccheck: 1,
}

/** Reads them all. */
export function readSuites(): Suites {
  return {
    'wycheproof Ed25519': wycheproof('ed25519_test.json', 'Ed25519'),
    'wycheproof P-256': wycheproof('ecdsa_secp256r1_sha256_p1363_test.json', 'ES256'),
    'wycheproof secp256k1': wycheproof('ecdsa_secp256k1_sha256_p1363_test.json', 'ES256K'),
    speccheck: speccheck(),
  }
}

interface WycheproofFile {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk?: string; readonly uncompressed?: string }
    readonly tests: readonly { readonly msg: string; readonly sig: string }[]
  }[]
}

function wycheproof(file: string, algorithm: Vector['algorithm']): Vector[] {
  const { testGroups } = JSON.parse(readFileSync(`${folder}/C2SP-wycheproof/${file}`, 'utf8')) as WycheproofFile
  return testGroups.flatMap(({ publicKey, tests }) => {
    const key = publicKey.pk === undefined ? compress(bytes(publicKey.uncompressed ?? '')) : bytes(publicKey.pk)
    return tests.map(({ msg, sig }) => ({ algorithm, key, message: bytes(msg), signature: bytes(sig) }))
  })
}

function speccheck(): Vector[] {
  const text = readFileSync(`${folder}/novifinancial-ed25519-speccheck/cases.json`, 'utf8')
  const cases = JSON.parse(text) as { readonly message: string; readonly pub_key: string; readonly signature: string }[]
  return cases.map(({ message, pub_key, signature }) => ({
    algorithm: 'Ed25519',
    key: bytes(pub_key),
    message: bytes(message),
    signature: bytes(signature),
  }))
}

/** `04 x y` to `02 x` or `03 x`. */
function compress(point: Uint8Array): Uint8Array {
  return Uint8Array.of(2 + ((point.at(-1) ?? 0) & 1), ...point.subarray(1, 33))
}

function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}
