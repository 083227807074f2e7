import { describe, expect, it } from 'vitest'
import { delegate } from '../../../src/core/delegation/delegate.ts'
import { generateSigner } from '../../../src/core/principal/generate-signer.ts'
import type { Signer } from '../../../src/core/principal/signer.ts'
import { delegate as ucantoDelegate } from '../../../src/entries/ucanto.ts'
import { SigningError } from '../../../src/errors.ts'
import { actor } from '../../support/actors.ts'

const [alice, mallory] = [await actor('alice'), await actor('mallory')]
const options = { audience: mallory.did, command: '/mail' }
const signedBy = (sign: Signer['sign'], change: Partial<Signer> = {}): Signer => ({ ...alice, ...change, sign })

describe.each([
  ['UCAN 1.0.0', (issuer: Signer): Promise<{ readonly issuer: string }> => delegate({ ...options, issuer })],
  ['UCAN 0.9.1', (issuer: Signer): Promise<{ readonly issuer: string }> => ucantoDelegate({ ...options, issuer })],
])('a token of %s', (_, make) => {
  it('is signed by an external signer, at once or later', async () => {
    expect((await make(signedBy((bytes) => alice.sign(bytes)))).issuer).toBe(alice.did)
    expect((await make(signedBy(async (bytes) => alice.sign(bytes)))).issuer).toBe(alice.did)
  })

  it.each<[string, Signer, string]>([
    ['another key', signedBy((bytes) => mallory.sign(bytes)), 'the signature is invalid'],
    ['another public key', signedBy(mallory.sign, { publicKey: mallory.publicKey }), 'has another public key'],
    ['an invalid public key', signedBy(alice.sign, { publicKey: new Uint8Array(31) }), `${alice.did} failed`],
    [
      'a frame',
      signedBy(() => new Uint8Array(70)),
      'must have 64 bytes (got 70); return the raw signature, without an encoding around it',
    ],
    ['text', signedBy(() => 'x'.repeat(64) as never), 'the signer must return the signature as a Uint8Array'],
    ['an error', signedBy(() => Promise.reject(new Error('canary'))), `${alice.did} failed`],
  ])('SIG-09 SIG-15 is not returned when an external signer answers with %s', async (_case, issuer, message) => {
    const made = make(issuer)
    await expect(made).rejects.toThrow(SigningError)
    await expect(made).rejects.toThrow(message)
    await expect(made).rejects.not.toThrow(/canary/)
  })
})

it('SIG-06 a signature with high s by an external signer is written with low s, in either format', async () => {
  const own = await generateSigner({ algorithm: 'ES256' })
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
  const high = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const signature = Uint8Array.from(await own.sign(bytes))
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
    signature.set(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'), 32)
    return signature
  }
  const issuer: Signer = { ...own, sign: high }
  const half = order / 2n
  const sOf = (signature: Uint8Array): bigint => BigInt(`0x${Buffer.from(signature.subarray(-32)).toString('hex')}`)
  expect(sOf(await high(new Uint8Array(1)))).toBeGreaterThan(half)
  const { bytes } = await delegate({ ...options, issuer })
  expect(sOf(bytes.subarray(0, 67))).toBeLessThanOrEqual(half)
  const token = await ucantoDelegate({ ...options, issuer })
  const [frameLength] = token.bytes.subarray(4, 5)
  expect(sOf(token.bytes.subarray(0, 5 + (frameLength as number)))).toBeLessThanOrEqual(half)
})
