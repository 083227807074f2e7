import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import {
  AEAD_AES_128_GCM,
  AEAD_AES_256_GCM,
  CipherSuite,
  KDF_HKDF_SHA256,
  KEM_DHKEM_X25519_HKDF_SHA256,
  type KEMFactory,
} from 'hpke'
import { describe, expect, it } from 'vitest'
import { generatePair, open, publicKeyOf, seal } from '../../src/vault/stores/sealed/hpke.ts'

type Fields<Names extends string> = Readonly<Record<Names, string>>
type Vector = Fields<'info' | 'enc' | 'skEm' | 'pkRm' | 'skRm' | 'pt' | 'aad' | 'ct'>

const vectors = JSON.parse(readFileSync(new URL('fixtures/hpke.json', import.meta.url), 'utf8')) as {
  readonly 'rfc9180-A.1.1': Vector
  readonly 'aes-256-gcm': Vector & Fields<'encryptions'>
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')
const suiteOf = (kem: KEMFactory, aead: typeof AEAD_AES_128_GCM) => new CipherSuite(kem, KDF_HKDF_SHA256, aead)

/** The key encapsulation of the library with the ephemeral key of a vector instead of a random one. */
async function withEphemeral({ skEm, enc }: Vector): Promise<KEMFactory> {
  const kem = KEM_DHKEM_X25519_HKDF_SHA256()
  const pair = {
    privateKey: await kem.DeserializePrivateKey(bytes(skEm), false),
    publicKey: await kem.DeserializePublicKey(bytes(enc)),
  }
  return () => ({ ...kem, GenerateKeyPair: async () => pair })
}

const points = {
  zero: '0000000000000000000000000000000000000000000000000000000000000000',
  one: '0100000000000000000000000000000000000000000000000000000000000000',
  'order 8': 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  'order 8, the other': '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'p - 1': 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  p: 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'p + 1': 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
}

describe('hybrid public key encryption', () => {
  for (const [name, aead] of [
    ['rfc9180-A.1.1', AEAD_AES_128_GCM],
    ['aes-256-gcm', AEAD_AES_256_GCM],
  ] as const) {
    it(`VLT-27 seals and opens the vector ${name} of RFC 9180`, async () => {
      const vector = vectors[name]
      const context = { info: bytes(vector.info), aad: bytes(vector.aad) }
      const sender = suiteOf(await withEphemeral(vector), aead)
      const sealed = await sender.Seal(await sender.DeserializePublicKey(bytes(vector.pkRm)), bytes(vector.pt), context)
      expect([hex(sealed.encapsulatedSecret), hex(sealed.ciphertext)]).toEqual([vector.enc, vector.ct])
      const receiver = suiteOf(KEM_DHKEM_X25519_HKDF_SHA256, aead)
      const privateKey = await receiver.DeserializePrivateKey(bytes(vector.skRm), true)
      expect(hex(await receiver.Open(privateKey, bytes(vector.enc), bytes(vector.ct), context))).toBe(vector.pt)
      expect(hex(await publicKeyOf(bytes(vector.skRm)))).toBe(vector.pkRm)
    })
  }

  it('VLT-27 opens the vector of the suite that it uses, AES-256-GCM', async () => {
    const vector = vectors['aes-256-gcm']
    const pair = { publicKey: bytes(vector.pkRm), privateKey: bytes(vector.skRm) }
    const sealed = { encapsulated: bytes(vector.enc), ciphertext: bytes(vector.ct) }
    expect(hex(await open(pair, sealed, { info: bytes(vector.info), aad: bytes(vector.aad) }))).toBe(vector.pt)
  })

  it('VLT-27 agrees with a thousand messages of that suite', async () => {
    const vector = vectors['aes-256-gcm']
    const suite = suiteOf(await withEphemeral(vector), AEAD_AES_256_GCM)
    const publicKey = await suite.DeserializePublicKey(bytes(vector.pkRm))
    const { ctx } = await suite.SetupSender(publicKey, { info: bytes(vector.info) })
    const source = createHash('shake128', { outputLength: 1_000_000 }).digest()
    const sink = createHash('shake128', { outputLength: 16 })
    let at = 0
    const draw = (): Uint8Array => {
      const length = source[at] ?? 0
      at += 1 + length
      return source.subarray(at - length, at)
    }
    for (let sequence = 0; sequence < 1_000; sequence += 1) {
      const aad = draw()
      sink.update(await ctx.Seal(draw(), aad))
    }
    expect(sink.digest('hex')).toBe(vector.encryptions)
  })

  it('opens a message with the info, aad and key with which it was sealed, and with no others', async () => {
    const pair = await generatePair()
    expect(await publicKeyOf(pair.privateKey)).toEqual(pair.publicKey)
    const context = { info: bytes('01'), aad: bytes('02') }
    const message = bytes('cafe')
    const sealed = await seal(pair.publicKey, message, context)
    expect(await open(pair, sealed, context)).toEqual(message)
    expect(hex((await seal(pair.publicKey, message, context)).ciphertext)).not.toBe(hex(sealed.ciphertext))
    const other = await generatePair()
    const flipped = sealed.ciphertext.map((byte, index) => (index === 3 ? byte ^ 1 : byte))
    for (const attempt of [
      () => open(other, sealed, context),
      () => open({ ...pair, publicKey: other.publicKey }, sealed, context),
      () => open(pair, sealed, { ...context, info: bytes('03') }),
      () => open(pair, sealed, { ...context, aad: bytes('03') }),
      () => open(pair, { ...sealed, ciphertext: flipped }, context),
      () => open(pair, { ...sealed, encapsulated: other.publicKey }, context),
    ]) {
      await expect(attempt()).rejects.toThrow()
    }
  })

  it('refuses keys and messages of another length', async () => {
    const pair = await generatePair()
    const context = { info: bytes('01'), aad: bytes('02') }
    const sealed = await seal(pair.publicKey, bytes('cafe'), context)
    for (const length of [0, 1, 15, 16, 17]) {
      const ciphertext = sealed.ciphertext.slice(0, length)
      await expect(open(pair, { ...sealed, ciphertext }, context), `${length}`).rejects.toThrow()
    }
    const longer = (key: Uint8Array): Uint8Array => Uint8Array.of(...key, 0)
    for (const change of [(key: Uint8Array) => key.slice(1), longer, () => new Uint8Array(0)]) {
      const encapsulated = change(sealed.encapsulated)
      await expect(open(pair, { ...sealed, encapsulated }, context)).rejects.toThrow()
      await expect(open({ ...pair, privateKey: change(pair.privateKey) }, sealed, context)).rejects.toThrow()
      await expect(seal(change(pair.publicKey), bytes('cafe'), context)).rejects.toThrow()
    }
  })

  it('refuses keys of small order, for which everybody could compute the secret', async () => {
    const pair = await generatePair()
    const context = { info: bytes('01'), aad: bytes('02') }
    const sealed = await seal(pair.publicKey, bytes('cafe'), context)
    for (const [name, point] of Object.entries(points)) {
      await expect(seal(bytes(point), bytes('cafe'), context), name).rejects.toThrow()
      await expect(open(pair, { ...sealed, encapsulated: bytes(point) }, context), name).rejects.toThrow()
    }
  })
})
