import { createHash } from 'node:crypto'
import { Point } from '@noble/ed25519'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bigEndian, toBigEndian } from '../../../src/core/did/curves/big-endian.ts'
import { p256Order, secp256k1Order } from '../../../src/core/did/curves/orders.ts'
import { parseDidKey, publicKey } from '../../../src/core/did/did-key.ts'
import type { SignatureAlgorithm } from '../../../src/core/did/public-key.ts'
import { digestKey } from '../../../src/core/ipld/cid.ts'
import { encodeHex } from '../../../src/core/ipld/hex.ts'
import type { CryptoBackend, PreparedKey } from '../../../src/core/principal/backend/backend.ts'
import { backend as node } from '../../../src/core/principal/backend/node.ts'
import { importSigner } from '../../../src/core/principal/import-signer.ts'
import { toLowS, twinSignature, verifySignature, verifySignatureAsync } from '../../../src/core/principal/signature.ts'
import { inCi, shortRuns } from '../../property/runs.ts'
import { verdict, verifyingBackends } from './crypto-vectors.ts'

const l = Point.CURVE().n
const algorithms = ['Ed25519', 'ES256', 'ES256K'] as const
const message = new TextEncoder().encode('a message of some length, as tokens have')

describe('a signature', () => {
  it.each(algorithms)('SIG-01 of %s is 64 bytes long [attack 51, 54]', async (algorithm) => {
    const { key, signature } = await signed(algorithm)
    for (const length of [0, 1, 32, 63, 65, 66, 70, 71, 72, 128]) {
      const other = new Uint8Array(length)
      other.set(signature.subarray(0, length))
      for (const backend of verifyingBackends) {
        expect.soft(await verdict(backend, { algorithm, key, message, signature: other }), `${length}`).toBe(false)
      }
    }
  })

  it.each(algorithms)('SIG-08 of %s is not valid for a key of another kind [attack 52]', async (algorithm) => {
    const { signature } = await signed(algorithm)
    for (const other of algorithms.filter((name) => name !== algorithm)) {
      const { key } = await signed(other)
      for (const backend of verifyingBackends) {
        expect.soft(await verdict(backend, { algorithm: other, key, message, signature })).toBe(false)
      }
    }
  })

  const whichBit = inCi ? 'any single bit' : 'one bit of each byte'
  it.each(algorithms)(`of %s is lost with ${whichBit} of it, of the key and of the message`, async (algorithm) => {
    const good = { algorithm, message, ...(await signed(algorithm)) }
    const accepted: string[] = []
    for (const part of ['signature', 'key', 'message'] as const) {
      for (let bit = 0; bit < good[part].length * 8; bit += inCi ? 1 : 9) {
        const flipped = good[part].slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        if (await verdict(node, { ...good, [part]: flipped })) accepted.push(`${part} ${bit}`)
      }
    }
    expect(await verdict(node, good)).toBe(true)
    expect(accepted).toEqual([])
  })
})

describe('an Ed25519 signature', () => {
  it('SIG-03 is not changed by its check when it is a Buffer, whose slices share memory', async () => {
    const { key } = await signed('Ed25519')
    // The first bytes of points of small order, the last byte of a large y, and an S that is compared with L.
    for (const first of [0x00, 0x01, 0x26, 0xc7, 0xec]) {
      const signature = Buffer.from(Array.from({ length: 64 }, (_, at) => (at === 0 ? first : at === 63 ? 0x10 : at)))
      signature[31] = 0x7f
      const before = Buffer.from(signature).toString('hex')
      await verdict(node, { algorithm: 'Ed25519', key, message, signature })
      expect(signature.toString('hex')).toBe(before)
    }
  })

  it('SIG-02 has S below L, and no second S that is as good [attack 55]', async () => {
    const { key, signature } = await signed('Ed25519')
    const s = littleEndian(signature.subarray(32))
    for (let other = s + l; other < 2n ** 256n; other += l) {
      const forged = join(signature.subarray(0, 32), toLittleEndian(other))
      for (const backend of verifyingBackends) {
        expect.soft(await verdict(backend, { algorithm: 'Ed25519', key, message, signature: forged })).toBe(false)
      }
    }
  })

  it('SIG-03 has an R of canonical form and not of small order, whatever the back end thinks [attack 57]', async () => {
    const key = publicKey('Ed25519', (await signed('Ed25519')).key)
    const yes: CryptoBackend = { ...node, verify: () => true }
    const prepared = {} as PreparedKey
    const accepts = (r: Uint8Array) => verifySignature(yes, key, prepared, join(r, new Uint8Array(32)), message)
    for (const small of smallOrderEncodings()) expect.soft(accepts(small), small.toString()).toBe(false)
    for (let over = 0n; over < 19n; over++) expect.soft(accepts(toLittleEndian(2n ** 255n - 19n + over))).toBe(false)
    expect(accepts(Point.BASE.toBytes())).toBe(true)
  })

  it('SIG-04 is judged alike by all back ends, with keys and R that have a part of order 8 [attack 57]', async () => {
    const torsion = torsionPoint()
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt(1n, l - 1n),
        fc.bigInt(1n, l - 1n),
        fc.nat(7),
        fc.nat(7),
        fc.uint8Array({ maxLength: 40 }),
        async (secret, nonce, keyPart, rPart, text) => {
          const a = Point.BASE.multiply(secret).add(torsion.multiply(BigInt(keyPart), false))
          const r = Point.BASE.multiply(nonce).add(torsion.multiply(BigInt(rPart), false))
          const [key, rBytes] = [a.toBytes(), r.toBytes()]
          const k = littleEndian(createHash('sha512').update(rBytes).update(key).update(text).digest()) % l
          const signature = join(rBytes, toLittleEndian((nonce + k * secret) % l))
          // with the cofactor every one of these would hold; without it the parts of order 8 have to cancel
          const expected = torsion.multiply((BigInt(rPart) + k * BigInt(keyPart)) % 8n, false).is0()
          for (const backend of verifyingBackends) {
            const valid = await verdict(backend, { algorithm: 'Ed25519', key, message: text, signature })
            expect(valid, backend.name).toBe(expected)
          }
        },
      ),
      {
        numRuns: shortRuns(60, 4).numRuns,
        examples: [
          [5n, 7n, 0, 0, new Uint8Array()],
          [5n, 7n, 1, 0, new Uint8Array()],
        ],
      },
    )
  })

  it('has no twin', async () => {
    const { signature } = await signed('Ed25519')
    expect(twinSignature('Ed25519', signature)).toBeUndefined()
    expect(toLowS('Ed25519', signature)).toBe(signature)
  })
})

describe.each(['ES256', 'ES256K'] as const)('a signature of %s', (algorithm) => {
  const n = algorithm === 'ES256' ? p256Order : secp256k1Order

  it('SIG-05 has r and s from 1 to n - 1, whatever the back end thinks', async () => {
    const key = publicKey(algorithm, (await signed(algorithm)).key)
    const yes: CryptoBackend = { ...node, verify: () => true }
    const accepts = (r: bigint, s: bigint) =>
      verifySignature(yes, key, {} as PreparedKey, join(toBigEndian(r), toBigEndian(s)), message)
    for (const bad of [0n, n, n + 1n, 2n ** 256n - 1n]) {
      expect.soft(accepts(bad, 1n)).toBe(false)
      expect.soft(accepts(1n, bad)).toBe(false)
    }
    expect(accepts(1n, n - 1n)).toBe(true)
    expect(accepts(n - 1n, 1n)).toBe(true)
  })

  it('SIG-06 is made with the low s by every signer [attack 58]', async () => {
    const signer = await importSigner({ seed: new Uint8Array(32).fill(7) }, { algorithm })
    for (let i = 0; i < 40; i++) {
      const signature = await signer.sign(Uint8Array.of(i))
      expect.soft(bigEndian(signature, 32, 64) <= n / 2n).toBe(true)
    }
  })

  it('SIG-07 has one twin, which is the twin of the twin [attack 58]', async () => {
    const { key, signature } = await signed(algorithm)
    const twin = twinSignature(algorithm, signature)!
    expect(twin).not.toEqual(signature)
    expect(twin.subarray(0, 32)).toEqual(signature.subarray(0, 32))
    expect(bigEndian(twin, 32, 64) + bigEndian(signature, 32, 64)).toBe(n)
    expect(twinSignature(algorithm, twin)).toEqual(signature)
    expect(toLowS(algorithm, twin)).toEqual(signature)
    for (const backend of verifyingBackends) {
      expect.soft(await verdict(backend, { algorithm, key, message, signature: twin })).toBe(true)
    }
  })

  it('has no twin when it is invalid', () => {
    expect(twinSignature(algorithm, new Uint8Array(64))).toBeUndefined()
    expect(twinSignature(algorithm, new Uint8Array(63))).toBeUndefined()
    expect(toLowS(algorithm, new Uint8Array(64).fill(255))).toEqual(new Uint8Array(64).fill(255))
  })
})

describe('verifySignature', () => {
  it('answers at once on Node and leaves the thread when asked to', async () => {
    const { key: bytes, signature } = await signed('Ed25519')
    const key = publicKey('Ed25519', bytes)
    const prepared = await node.prepareKey(key)
    expect(verifySignature(node, key, prepared, signature, message)).toBe(true)
    for (const backend of verifyingBackends) {
      const own = await backend.prepareKey(key)
      expect(await verifySignatureAsync(backend, key, own, signature, message)).toBe(true)
      expect(await verifySignatureAsync(backend, key, own, signature, Uint8Array.of(1))).toBe(false)
      expect(await verifySignatureAsync(backend, key, own, signature.subarray(1), message)).toBe(false)
    }
  })

  it('hashes alike on all back ends', async () => {
    for (const bytes of [new Uint8Array(), message, new Uint8Array(70_000)]) {
      const expected = Uint8Array.from(createHash('sha256').update(bytes).digest())
      for (const backend of verifyingBackends) {
        const hash = await backend.sha256(bytes)
        expect(hash).toEqual(expected)
        expect(hash.constructor).toBe(Uint8Array)
        expect(backend.sha256Key?.(bytes) ?? digestKey(expected)).toBe(digestKey(expected))
        expect(backend.sha256Hex?.(bytes) ?? encodeHex(expected)).toBe(encodeHex(expected))
        if (backend.name === 'sodium') expect(backend.sha256Key).toBe(node.sha256Key)
      }
    }
  })
})

async function signed(algorithm: SignatureAlgorithm): Promise<{ key: Uint8Array; signature: Uint8Array }> {
  const signer = await importSigner({ seed: new Uint8Array(32).fill(9) }, { algorithm })
  return { key: parseDidKey(signer.did).bytes, signature: await signer.sign(message) }
}

/** A point of order 8: L times a point that has such a part. */
function torsionPoint(): Point {
  for (let y = 2n; ; y++) {
    try {
      const point = Point.fromBytes(toLittleEndian(y))
      // the library takes scalars below L only
      const torsion = point.multiply(l - 1n, false).add(point)
      if (!torsion.double().double().is0()) return torsion
    } catch {
      // no point has this y
    }
  }
}

function smallOrderEncodings(): Uint8Array[] {
  const torsion = torsionPoint()
  const points = Array.from({ length: 8 }, (_, i) => torsion.multiply(BigInt(i), false).toBytes())
  return [...points, ...points.map((bytes) => Uint8Array.from(bytes, (byte, i) => (i === 31 ? byte ^ 0x80 : byte)))]
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  return Uint8Array.of(...first, ...second)
}

function littleEndian(bytes: Uint8Array): bigint {
  return bigEndian(Uint8Array.from(bytes).reverse(), 0, bytes.length)
}

function toLittleEndian(value: bigint): Uint8Array {
  return toBigEndian(value).reverse()
}
