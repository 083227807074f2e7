import { describe, expect, it } from 'vitest'
import type { CryptoBackend } from '../../../src/core/principal/backend/backend.ts'
import { backend as node } from '../../../src/core/principal/backend/node.ts'
import { twinSignature } from '../../../src/core/principal/signature.ts'
import {
  type SignatureVector,
  shortWycheproof,
  speccheck,
  verdict,
  verifyingBackends,
  wycheproof,
} from './crypto-vectors.ts'

describe.each(verifyingBackends)('signatures on $name', (backend) => {
  it('SIG-02 accepts the 88 valid of the 151 Ed25519 vectors of Wycheproof [attack 55]', async () => {
    const vectors = wycheproof('Ed25519')
    const accepted: string[] = []
    for (const vector of vectors) if (await verdict(backend, vector)) accepted.push(vector.name)
    expect(vectors).toHaveLength(151)
    expect(accepted).toHaveLength(88)
    expect(accepted).toEqual(vectors.filter(({ valid }) => valid).map(({ name }) => name))
  })

  it('SIG-04 accepts case 3 alone of the twelve cases on which libraries disagree [attack 57]', async () => {
    const accepted: string[] = []
    for (const vector of speccheck()) if (await verdict(backend, vector)) accepted.push(vector.name)
    expect(accepted).toEqual(['speccheck 3'])
  })

  it.each([
    ['ES256', 262, 173],
    ['ES256K', 252, 167],
  ] as const)('SIG-05 accepts exactly the valid %s vectors of Wycheproof', async (algorithm, count, valid) => {
    const all = wycheproof(algorithm)
    expect([all.length, all.filter((vector) => vector.valid).length]).toEqual([count, valid])
    const vectors = ecdsaVectors(backend, algorithm)
    const accepted: string[] = []
    for (const vector of vectors) if (await verdict(backend, vector)) accepted.push(vector.name)
    expect(accepted).toEqual(vectors.filter((vector) => vector.valid).map(({ name }) => name))
  })

  it.each(['ES256', 'ES256K'] as const)('SIG-06 accepts %s with either s [attack 58]', async (algorithm) => {
    for (const vector of ecdsaVectors(backend, algorithm).filter(({ valid }) => valid)) {
      const twin = twinSignature(algorithm, vector.signature)
      expect.soft(await verdict(backend, { ...vector, signature: twin! }), vector.name).toBe(true)
    }
  })
})

/** Node verifies all of them; the others compute with big numbers. */
function ecdsaVectors(backend: CryptoBackend, algorithm: 'ES256' | 'ES256K'): readonly SignatureVector[] {
  return backend === node ? wycheproof(algorithm) : shortWycheproof(algorithm)
}
