import { Point } from '@noble/ed25519'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toBigEndian } from '../../../src/core/did/curves/big-endian.ts'
import { hasPointAt, p256Curve, secp256k1Curve } from '../../../src/core/did/curves/weierstrass.ts'
import { parseDid } from '../../../src/core/did/did.ts'
import { didKeyFrom, parseDidKey, publicKey } from '../../../src/core/did/did-key.ts'
import { encodeMultikey } from '../../../src/core/did/multikey.ts'
import { encodeBase58btc, encodeBase64url } from '../../../src/core/ipld/base.ts'
import { decodeHex, encodeHex } from '../../../src/core/ipld/hex.ts'
import { MalformedError } from '../../../src/errors.ts'
import { costOf } from '../../support/cost.ts'

const p = 2n ** 255n - 19n

/** From the test vectors of the did:key specification and of the UCAN specifications. */
const examples = [
  ['Ed25519', 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'],
  ['Ed25519', 'did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp'],
  ['ES256', 'did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv'],
  ['ES256K', 'did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme'],
] as const

const ed25519 = decodeHex('3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29')
const p256 = decodeHex('036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296')
const secp256k1 = decodeHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798')

describe('a did:key', () => {
  it.each(examples)('of %s is read and written again: %s', (algorithm, did) => {
    const key = parseDidKey(did)
    expect(key.algorithm).toBe(algorithm)
    expect(key.did).toBe(did)
    expect(didKeyFrom(algorithm, key.bytes)).toBe(did)
    expect(parseDid(did)).toBe(did)
  })

  it('KEY-01 is not decoded when it is too long, as base58 is quadratic [attack 62]', () => {
    for (const length of [65, 1_000, 100_000, 1_000_000]) {
      const did = `did:key:z${'6'.repeat(length)}`
      expect.soft(costOf(() => expect.soft(refusal(did)).toBe('KEY-01'))).toBeLessThan(1)
    }
  })

  it('KEY-02 is in base58btc and in no other base', () => {
    const prefixed = withCode([0xed, 0x01], ed25519)
    for (const tail of [
      `f${encodeHex(prefixed)}`,
      `u${encodeBase64url(prefixed)}`,
      `Z${encodeBase58btc(prefixed)}`,
      '',
    ]) {
      expect.soft(refusal(`did:key:${tail}`), tail).toMatch(/KEY-0[12]/)
    }
    expect(refusal(`did:key:${encodeBase58btc(prefixed)}`)).toBe('KEY-02')
  })

  it('is of the characters of base58btc', () => {
    const good = examples[0][1]
    for (const letter of ['0', 'O', 'I', 'l', '-', ' ', 'é']) {
      expect.soft(refusal(good.slice(0, -1) + letter), letter).toMatch(/ENC-01/)
    }
    expect(refusal('did:key:z')).toBe('KEY-03')
  })

  it.each([
    ['X25519', [0xec, 0x01], ed25519],
    ['P-384', [0x81, 0x24], new Uint8Array(49)],
    ['P-521', [0x82, 0x24], new Uint8Array(67)],
    ['BLS12-381 G2', [0xeb, 0x01], new Uint8Array(48)],
    ['Ed448', [0x83, 0x24], new Uint8Array(57)],
    ['an Ed25519 private key', [0x80, 0x26], ed25519],
    ['a secp256k1 private key', [0x81, 0x26], ed25519],
    ['a P-256 private key', [0x86, 0x26], ed25519],
    ['a SHA-256 hash', [0x12, 0x20], ed25519],
    ['a JWK', [0xd1, 0xd6, 0x03], ed25519],
    ['no code', [], ed25519],
  ] as const)('KEY-03 is not %s [attack 60]', (_, code, bytes) => {
    const text = `did:key:z${encodeBase58btc(withCode(code, bytes))}`
    expect(refusal(text)).toMatch(/KEY-0[13]/)
    expect(() => parseDidKey(text)).toThrow(MalformedError)
  })

  it.each([
    ['ed 81 00', [0xed, 0x81, 0x00]],
    ['ed 81 80 00', [0xed, 0x81, 0x80, 0x00]],
    ['80 a4 00', [0x80, 0xa4, 0x00]],
    ['e7 81 00', [0xe7, 0x81, 0x00]],
    ['a leading zero', [0x00, 0xed, 0x01]],
  ])('KEY-03 has its code in the shortest form, not %s [attack 61]', (_, code) => {
    expect(refusal(`did:key:z${encodeBase58btc(withCode(code, ed25519))}`)).toBe('KEY-03')
  })

  it('KEY-04 is as long as its kind [attack 59, 60]', () => {
    for (const length of [0, 1, 31, 33, 34]) {
      expect.soft(refusal(didOf([0xed, 0x01], new Uint8Array(length).fill(5)))).toBe('KEY-04')
    }
    for (const code of [
      [0x80, 0x24],
      [0xe7, 0x01],
    ]) {
      for (const length of [0, 32, 34]) expect.soft(refusal(didOf(code, new Uint8Array(length).fill(2)))).toBe('KEY-04')
      expect.soft(refusal(didOf(code, ed25519))).toBe('KEY-04')
    }
    expect(refusal(didOf([0xed, 0x01], p256))).toBe('KEY-04')
  })

  it('KEY-05 is a compressed point, not one in full or of another prefix [attack 59]', () => {
    for (const prefix of [0, 1, 4, 5, 6, 7, 0x82]) {
      const bytes = Uint8Array.of(prefix, ...p256.subarray(1))
      expect.soft(refusal(didOf([0x80, 0x24], bytes))).toBe('KEY-05')
      expect.soft(refusal(didOf([0xe7, 0x01], bytes))).toBe('KEY-05')
    }
    // the longest text that is decoded is shorter than a point in full
    expect(refusal(didOf([0x80, 0x24], new Uint8Array(65).fill(4)))).toBe('KEY-01')
  })

  it('KEY-05 has a y below p, so that no key has two names', () => {
    for (let over = 0n; over < 19n; over++) {
      for (const sign of [0n, 2n ** 255n]) {
        expect.soft(refusal(didOf([0xed, 0x01], littleEndian(p + over + sign)))).toBe('KEY-05')
      }
    }
  })

  it('KEY-06 is not one of the 14 encodings of the points of small order [attack 56]', () => {
    const y8 = 0x5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n
    const encodings = [0n, 1n, p - 1n, y8, p - y8, p, p + 1n].flatMap((y) => [y, y + 2n ** 255n].map(littleEndian))
    expect(new Set(encodings.map(encodeHex)).size).toBe(14)
    for (const bytes of encodings) {
      expect.soft(Point.fromBytes(bytes, true).isSmallOrder(), encodeHex(bytes)).toBe(true)
      expect.soft(refusal(didOf([0xed, 0x01], bytes)), encodeHex(bytes)).toMatch(/KEY-0[56]/)
      // not even as an audience
      expect.soft(() => parseDid(didOf([0xed, 0x01], bytes))).toThrow(MalformedError)
    }
  })

  it('KEY-07 is a point on its curve [attack 59]', () => {
    expect(refusal(didOf([0xed, 0x01], littleEndian(2n)))).toBe('KEY-07')
    for (const [code, { p }] of [
      [[0x80, 0x24], p256Curve],
      [[0xe7, 0x01], secp256k1Curve],
    ] as const) {
      for (const x of [p, p + 1n, 2n ** 256n - 1n]) expect.soft(refusal(didOf(code, compressed(x)))).toBe('KEY-07')
    }
    expect(refusal(didOf([0xe7, 0x01], compressed(5n)))).toBe('KEY-07')
    expect(refusal(didOf([0x80, 0x24], secp256k1))).toBe('KEY-07')
  })

  it('KEY-08 is of the method key, with nothing behind the key', () => {
    const tail = examples[0][1].slice('did:key:'.length)
    for (const text of [
      tail,
      `did:web:${tail}`,
      `did:key${tail}`,
      `DID:key:${tail}`,
      `did:KEY:${tail}`,
      '',
      'did:key',
    ]) {
      expect.soft(refusal(text), text).toBe('KEY-08')
    }
    for (const text of [`did:key:${tail}#${tail}`, `did:key:${tail}/a`, `did:key:${tail}?a`, `did:key:1.1:${tail}`]) {
      expect.soft(refusal(text), text).not.toBe('accepted')
    }
  })

  it('KEY-09 has one spelling for each key [attack 61]', () => {
    fc.assert(
      fc.property(fc.base64String({ minLength: 44, maxLength: 50 }), fc.nat(3), (noise, which) => {
        const text = `did:key:${['z6Mk', 'zDna', 'zQ3s', 'z'][which]}${noise}`
        if (refusal(text) !== 'accepted') return
        const key = parseDidKey(text)
        expect([key.did, didKeyFrom(key.algorithm, key.bytes)]).toEqual([text, text])
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const text = `did:key:${encodeMultikey({ algorithm: 'Ed25519', bytes })}`
        const verdict = refusal(text)
        expect(verdict).toMatch(/accepted|KEY-0[567]/)
        expect(verdict === 'accepted').toBe(isGoodEd25519(bytes))
      }),
    )
  })

  it('shares no bytes with its source', () => {
    const bytes = ed25519.slice()
    const key = publicKey('Ed25519', bytes)
    bytes.fill(0)
    expect(key.bytes).toEqual(ed25519)
    expect(Object.isFrozen(key)).toBe(true)
  })
})

describe('the x of a point', () => {
  it.each([
    ['ES256', p256Curve],
    ['ES256K', secp256k1Curve],
  ] as const)('of %s is recognized as by a modular power', (_, curve) => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 256n - 1n), (x) => {
        const square = (((x * x + curve.a) % curve.p) * x + curve.b) % curve.p
        const expected = x < curve.p && power(square, (curve.p - 1n) / 2n, curve.p) === 1n
        expect(hasPointAt(curve, x)).toBe(expected)
      }),
    )
  })
})

function refusal(did: string): string {
  try {
    parseDidKey(did)
    return 'accepted'
  } catch (error) {
    if (error instanceof MalformedError) return error.requirement
    throw error
  }
}

function isGoodEd25519(bytes: Uint8Array): boolean {
  try {
    return !Point.fromBytes(bytes, false).isSmallOrder()
  } catch {
    return false
  }
}

function didOf(code: readonly number[], bytes: Uint8Array): string {
  return `did:key:z${encodeBase58btc(withCode(code, bytes))}`
}

function withCode(code: readonly number[], bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(...code, ...bytes)
}

function compressed(x: bigint): Uint8Array {
  return Uint8Array.of(2, ...toBigEndian(x))
}

function littleEndian(value: bigint): Uint8Array {
  return toBigEndian(value).reverse()
}

function power(base: bigint, exponent: bigint, p: bigint): bigint {
  let result = 1n
  for (let bit = 255n; bit >= 0n; bit--) {
    result = (result * result) % p
    if ((exponent >> bit) & 1n) result = (result * base) % p
  }
  return result
}
