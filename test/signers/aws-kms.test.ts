import { describe, expect, it, onTestFinished } from 'vitest'
import { bigEndian } from '../../src/core/did/curves/big-endian.ts'
import { p256Order } from '../../src/core/did/curves/orders.ts'
import { parseDid } from '../../src/core/did/did.ts'
import { ArgumentError, SigningError } from '../../src/errors.ts'
import { type AwsKmsSignerOptions, awsKmsSigner } from '../../src/signers/aws-kms/aws-kms-signer.ts'
import { rawSignature } from '../../src/signers/aws-kms/der-signature.ts'
import { integerBytes } from '../../src/signers/integer-bytes.ts'
import { publicKeyFromSpki } from '../../src/signers/spki.ts'
import type { TestServer } from '../vault/support.ts'
import { type Answer, accessKeys, kmsError, region, startKms } from './kms-fake.ts'

const message = new TextEncoder().encode('what is signed')

async function kms(answer?: Answer): Promise<{ readonly options: AwsKmsSignerOptions; readonly server: TestServer }> {
  const server = await startKms(answer)
  onTestFinished(() => server.close())
  return { server, options: { region, keys: accessKeys, keyId: 'ed25519', endpoint: `${server.origin}/` } }
}

async function failure(work: () => unknown): Promise<Error> {
  try {
    await work()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

describe('a key in AWS KMS', () => {
  it.each([
    ['ed25519', 'Ed25519'],
    ['alias/p256', 'ES256'],
    ['secp256k1', 'ES256K'],
  ] as const)('%s signs', async (keyId, algorithm) => {
    const { options, server } = await kms()
    const signer = await awsKmsSigner({ ...options, keyId })
    expect(signer.algorithm).toBe(algorithm)
    for (let i = 0; i < 16; i++) expect(await signer.sign(Uint8Array.of(i))).toHaveLength(64)
    expect(server.received.map(({ headers }) => headers['x-amz-target']).slice(0, 3)).toEqual([
      'TrentService.GetPublicKey',
      'TrentService.Sign',
      'TrentService.Sign',
    ])
  })

  it('writes the lower s', async () => {
    const { options } = await kms()
    const signer = await awsKmsSigner({ ...options, keyId: 'p256' })
    for (let i = 0; i < 20; i++)
      expect(bigEndian(await signer.sign(Uint8Array.of(i)), 32, 64) <= p256Order / 2n).toBe(true)
  })

  it('sends up to 4,096 bytes whole, hashes more for ECDSA, and refuses more for Ed25519', async () => {
    const { options, server } = await kms()
    const types = (): string[] => server.received.slice(1).map(({ body }) => JSON.parse(body).MessageType)
    for (const keyId of ['p256', 'secp256k1']) {
      const signer = await awsKmsSigner({ ...options, keyId })
      server.received.splice(1)
      for (const length of [4_096, 4_097, 100_000]) expect(await signer.sign(new Uint8Array(length))).toHaveLength(64)
      expect(types()).toEqual(['RAW', 'DIGEST', 'DIGEST'])
      server.received.splice(0)
    }
    const edwards = await awsKmsSigner(options)
    expect(edwards.maxMessageBytes).toBe(4_096)
    expect(await edwards.sign(new Uint8Array(4_096))).toHaveLength(64)
    await expect(edwards.sign(new Uint8Array(4_097))).rejects.toThrow('this signer signs at most 4096')
  })

  it('SIG-20 signs with the key that it was made with, and for a DID of that key', async () => {
    let replaced = false
    const { options } = await kms((operation) =>
      replaced && operation === 'Sign'
        ? { status: 200, body: JSON.stringify({ Signature: 'A'.repeat(88) }) }
        : undefined,
    )
    const signer = await awsKmsSigner(options)
    replaced = true
    await expect(signer.sign(message)).rejects.toThrow('the signature must have 64 bytes')
    const other = await awsKmsSigner({ ...options, keyId: 'p256' })
    await expect(awsKmsSigner({ ...options, did: other.did })).rejects.toThrow('is the did:key of another key')
    const named = await awsKmsSigner({ ...options, did: parseDid('did:web:example.com') })
    expect(named.did).toBe('did:web:example.com')
  })

  it('SIG-24 tries again when it is throttled or unavailable, and not when it is refused', async () => {
    const answers = [kmsError('ThrottlingException'), kmsError('KMSInternalException', 500)]
    const busy = await kms((operation) => (operation === 'Sign' ? answers.shift() : undefined))
    const signer = await awsKmsSigner(busy.options)
    expect(await signer.sign(message)).toHaveLength(64)
    expect(busy.server.received).toHaveLength(4)

    const always = await kms((operation) => (operation === 'Sign' ? kmsError('ThrottlingException') : undefined))
    const throttled = await awsKmsSigner({ ...always.options, attempts: 2 })
    await expect(throttled.sign(message)).rejects.toThrow('aws kms is not available now (ThrottlingException)')
    expect(always.server.received).toHaveLength(3)

    const refusing = await kms((operation) => (operation === 'Sign' ? kmsError('AccessDeniedException') : undefined))
    const refused = await awsKmsSigner(refusing.options)
    await expect(refused.sign(message)).rejects.toThrow('allow kms:GetPublicKey and kms:Sign on the key')
    expect(refusing.server.received).toHaveLength(2)
  })

  it.each([
    ['AccessDeniedException', 'allow kms:GetPublicKey'],
    ['DisabledException', 'enable it'],
    ['ExpiredTokenException', 'renew them'],
    ['KMSInvalidStateException', 'scheduled for deletion'],
    ['com.amazonaws.kms#NotFoundException', 'check `keyId`'],
    ['SomethingElseException', 'refused the request (SomethingElseException)'],
    ['<script>', 'refused the request (unknown error)'],
  ])('explains %s without the text of the service', async (code, remedy) => {
    const { options } = await kms(() => kmsError(code))
    const error = await failure(() => awsKmsSigner(options))
    expect(error).toBeInstanceOf(SigningError)
    expect(error.message).toContain(remedy)
    expect(`${error.message} ${error.stack}`).not.toContain('canary')
  })

  it('is refused with wrong access keys, and shows none of them', async () => {
    const { options } = await kms()
    const keys = { accessKeyId: accessKeys.accessKeyId, secretAccessKey: 'canary-of-another-key' }
    const error = await failure(() => awsKmsSigner({ ...options, keys }))
    expect(error.message).toContain('InvalidSignatureException')
    expect(error.stack).not.toContain('canary')
    const unknown = await failure(() => awsKmsSigner({ ...options, keys: { ...keys, accessKeyId: 'AKIDOTHER' } }))
    expect(unknown.message).toContain('the access keys are unknown')
  })

  it('SIG-24 times out when KMS hangs or stays unavailable', async () => {
    const fetch = (): Promise<Response> => new Promise(() => undefined)
    const { options } = await kms()
    await expect(awsKmsSigner({ ...options, fetch, timeoutMs: 50 })).rejects.toThrow('did not answer within 50 ms')
    const down = await kms(() => kmsError('ServiceUnavailable', 503))
    const error = await failure(() => awsKmsSigner({ ...down.options, timeoutMs: 1_500, attempts: 10 }))
    expect(error.message).toContain('did not answer within 1500 ms')
    expect((error.cause as Error).message).toContain('returned status 503')
  })

  it('stops waiting when the caller aborts', async () => {
    const { options } = await kms((operation) => (operation === 'Sign' ? kmsError('Throttling') : undefined))
    const signer = await awsKmsSigner({ ...options, attempts: 10 })
    const signing = signer.sign(message, { signal: AbortSignal.timeout(20) })
    await expect(signing).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  it.each([
    ['a key that does not sign', { KeyUsage: 'ENCRYPT_DECRYPT' }, 'with the usage SIGN_VERIFY'],
    ['no key', { KeyUsage: 'SIGN_VERIFY' }, 'returned no valid `PublicKey`'],
    ['a key that is not base64', { KeyUsage: 'SIGN_VERIFY', PublicKey: 'canary!' }, 'returned no valid `PublicKey`'],
    ['another key', { KeyUsage: 'SIGN_VERIFY', PublicKey: 'AAAA' }, 'cannot sign tokens'],
  ])('is refused when it returns %s', async (_what, body, text) => {
    const { options } = await kms(() => ({ status: 200, body: JSON.stringify(body) }))
    const error = await failure(() => awsKmsSigner(options))
    expect(error).toBeInstanceOf(SigningError)
    expect(error.message).toContain(text)
  })

  it('is refused when its curve has no DID', async () => {
    const { options } = await kms()
    await expect(awsKmsSigner({ ...options, keyId: 'p384' })).rejects.toThrow('ECC_NIST_EDWARDS25519, ECC_NIST_P256')
  })

  it.each([
    [{ keyId: '' }, '`keyId`'],
    [{ region: 'nowhere' }, '`region`'],
    [{ attempts: 0 }, '`attempts`'],
    [{ endpoint: 'http://kms.example/' }, '`endpoint`'],
    [{ keys: { accessKeyId: 'a' } }, '`keys`'],
  ])('is not asked with %o', async (change, name) => {
    const { options, server } = await kms()
    const error = await failure(() => awsKmsSigner({ ...options, ...(change as object) }))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error.message).toContain(name)
    expect(server.received).toEqual([])
  })
})

describe('encodings of keys and signatures', () => {
  const r = `02200${'1'.repeat(63)}`
  it.each([
    ['nothing', ''],
    ['no sequence', '3100'],
    ['a length that is too long', `3045${r}${r}`],
    ['one integer', `3022${r}`],
    ['three integers', `3066${r}${r}${r}`],
    ['a negative integer', `3044${r}0220${'f'.repeat(64)}`],
    ['an integer of 33 bytes', `3045${r}022101${'0'.repeat(64)}`],
    ['an empty integer', `3024${r}0200`],
    ['an integer that ends late', `3024${r}0201`],
  ])('refuses a signature with %s', (_what, hex) => {
    expect(rawSignature(Buffer.from(hex, 'hex'))).toBeUndefined()
  })

  it('reads short and long integers', () => {
    expect(integerBytes(Uint8Array.of(5))?.at(-1)).toBe(5)
    expect(integerBytes(Uint8Array.of(0, ...new Uint8Array(32).fill(0xff)))).toHaveLength(32)
    expect(Buffer.from(rawSignature(Buffer.from('3006020101020102', 'hex')) ?? []).toString('hex')).toBe(
      `${'01'.padStart(64, '0')}${'02'.padStart(64, '0')}`,
    )
  })

  it('refuses a key of small order and a key with bytes after it', () => {
    expect(publicKeyFromSpki(Buffer.from(`302a300506032b6570032100${'01'.padEnd(64, '0')}`, 'hex'))).toBeUndefined()
    expect(publicKeyFromSpki(Buffer.from(`302a300506032b6570032100${'09'.repeat(33)}`, 'hex'))).toBeUndefined()
  })
})
