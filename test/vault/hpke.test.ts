import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { aes128Gcm, aes256Gcm, open, receiverKeys, seal, senderKeys } from '../../src/vault/stores/sealed/hpke.ts'
import { generatePair, publicKeyOf, sharedSecret } from '../../src/vault/stores/sealed/x25519.ts'

const vectors = JSON.parse(readFileSync(new URL('fixtures/hpke.json', import.meta.url), 'utf8')) as {
  readonly 'rfc9180-A.1.1': Readonly<
    Record<'info' | 'pkEm' | 'skEm' | 'pkRm' | 'skRm' | 'key' | 'base_nonce' | 'pt' | 'aad' | 'ct', string>
  >
  readonly 'aes-256-gcm': Readonly<Record<'info' | 'skRm' | 'pkRm' | 'enc' | 'encryptions', string>>
}

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const hex = (value: Uint8Array): string => Buffer.from(value).toString('hex')

describe('hybrid public key encryption', () => {
  it('VLT-27 derives the keys of RFC 9180, appendix A.1.1, on both sides', async () => {
    const vector = vectors['rfc9180-A.1.1']
    const pair = { publicKey: bytes(vector.pkEm), privateKey: bytes(vector.skEm) }
    const info = bytes(vector.info)
    const sender = await senderKeys(bytes(vector.pkRm), info, aes128Gcm, pair)
    const receiver = await receiverKeys(bytes(vector.skRm), bytes(vector.pkEm), info, aes128Gcm)
    for (const keys of [sender, receiver]) {
      expect([hex(keys.key), hex(keys.baseNonce)]).toEqual([vector.key, vector.base_nonce])
    }
    expect(hex(await publicKeyOf(bytes(vector.skRm)))).toBe(vector.pkRm)
    const cipher = createCipheriv('aes-128-gcm', sender.key, sender.baseNonce).setAAD(bytes(vector.aad))
    expect(hex(Buffer.concat([cipher.update(bytes(vector.pt)), cipher.final(), cipher.getAuthTag()]))).toBe(vector.ct)
  })

  it('VLT-27 agrees with a thousand messages of the suite that it uses, AES-256-GCM', async () => {
    const vector = vectors['aes-256-gcm']
    const { key, baseNonce } = await receiverKeys(bytes(vector.skRm), bytes(vector.enc), bytes(vector.info), aes256Gcm)
    const source = createHash('shake128', { outputLength: 1_000_000 }).digest()
    const sink = createHash('shake128', { outputLength: 16 })
    let at = 0
    const draw = (): Uint8Array => {
      const length = source[at] ?? 0
      at += 1 + length
      return source.subarray(at - length, at)
    }
    for (let sequence = 0; sequence < 1_000; sequence += 1) {
      const nonce = Buffer.from(baseNonce)
      nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(draw())
      sink.update(cipher.update(draw()))
      cipher.final()
      sink.update(cipher.getAuthTag())
    }
    expect(sink.digest('hex')).toBe(vector.encryptions)
  })

  it('opens what it sealed, under the same info, aad and key, and nothing else', async () => {
    const pair = await generatePair()
    const context = { info: bytes('01'), aad: bytes('02') }
    const message = bytes('cafe')
    const sealed = await seal(pair.publicKey, message, context)
    expect(await open(pair.privateKey, sealed, context)).toEqual(message)
    expect(hex((await seal(pair.publicKey, message, context)).ciphertext)).not.toBe(hex(sealed.ciphertext))
    const other = await generatePair()
    const flipped = sealed.ciphertext.map((byte, index) => (index === 3 ? byte ^ 1 : byte))
    for (const attempt of [
      () => open(other.privateKey, sealed, context),
      () => open(pair.privateKey, sealed, { ...context, info: bytes('03') }),
      () => open(pair.privateKey, sealed, { ...context, aad: bytes('03') }),
      () => open(pair.privateKey, { ...sealed, ciphertext: flipped }, context),
      () => open(pair.privateKey, { ...sealed, encapsulated: other.publicKey }, context),
    ]) {
      await expect(attempt()).rejects.toThrow()
    }
  })

  it('refuses keys of small order, with which everybody would know the secret', async () => {
    const { privateKey } = await generatePair()
    for (const point of [
      '0000000000000000000000000000000000000000000000000000000000000000',
      '0100000000000000000000000000000000000000000000000000000000000000',
      'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
      '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ]) {
      await expect(sharedSecret(privateKey, bytes(point)), point).rejects.toThrow()
    }
  })
})
