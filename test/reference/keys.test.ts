import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { shortCases } from '../property/runs.ts'
import { type Algorithm, isOnCurve, parseDidKey, type ReferenceKey, verifySignature } from './keys.ts'

const fixtures = new URL('../fixtures/crypto/', import.meta.url)

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

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

function compressed(uncompressed: string): Uint8Array {
  const point = bytesOf(uncompressed)
  return Uint8Array.from([2 + ((point[64] as number) & 1), ...point.slice(1, 33)])
}

describe('reference keys and signatures', () => {
  const files: readonly (readonly [Algorithm, string])[] = [
    ['Ed25519', 'ed25519_test.json'],
    ['ES256', 'ecdsa_secp256r1_sha256_p1363_test.json'],
    ['ES256K', 'ecdsa_secp256k1_sha256_p1363_test.json'],
  ]
  for (const [algorithm, file] of files) {
    it(`gives the verdicts of Wycheproof for ${algorithm}`, () => {
      const { testGroups } = JSON.parse(
        readFileSync(new URL(`C2SP-wycheproof/${file}`, fixtures), 'utf8'),
      ) as WycheproofFile
      const cases = testGroups.flatMap(({ publicKey, tests }) => {
        const bytes = publicKey.pk === undefined ? compressed(publicKey.uncompressed ?? '') : bytesOf(publicKey.pk)
        const key: ReferenceKey = { algorithm, bytes }
        return tests.map((test) => ({ ...test, key }))
      })
      const wrong = shortCases(cases, ({ result, flags }) => [result, ...flags].join(' ')).filter(
        ({ key, msg, sig, result }) => verifySignature(key, bytesOf(sig), bytesOf(msg)) !== (result === 'valid'),
      )
      expect(wrong.map(({ tcId }) => tcId)).toEqual([])
    })
  }

  it('accepts of the edge cases of Ed25519 only the one that all strict readers accept', () => {
    const cases = JSON.parse(
      readFileSync(new URL('novifinancial-ed25519-speccheck/cases.json', fixtures), 'utf8'),
    ) as readonly { message: string; pub_key: string; signature: string }[]
    const accepted = cases.flatMap(({ message, pub_key, signature }, place) =>
      verifySignature({ algorithm: 'Ed25519', bytes: bytesOf(pub_key) }, bytesOf(signature), bytesOf(message))
        ? [place]
        : [],
    )
    expect(accepted).toEqual([3])
  })

  it('reads one text for one key', () => {
    const good = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
    expect(parseDidKey(good)).toMatchObject({ algorithm: 'Ed25519' })
    for (const other of [`${good} `, `${good}#z`, good.replace('z6Mk', 'z16Mk'), 'did:key:z', 'did:key:f00']) {
      expect(typeof parseDidKey(other), other).not.toBe('object')
    }
    const offCurve = parseDidKey('did:key:z6Mkm3UJGxhMyyqcS6PUzoe33hmoYYtXceRpYgaGXy4GJtsx')
    expect(typeof offCurve === 'object' && isOnCurve(offCurve)).toBe(false)
  })
})
