import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bigEndian } from '../../../src/core/did/curves/big-endian.ts'
import { p256Order } from '../../../src/core/did/curves/orders.ts'
import { parseDid } from '../../../src/core/did/did.ts'
import { publicKeyFromJwk } from '../../../src/core/did/jwk.ts'
import type { PublicKey } from '../../../src/core/did/public-key.ts'
import { type RemoteSignerOptions, remoteSigner } from '../../../src/core/principal/remote-signer.ts'
import { isSelfChecking } from '../../../src/core/principal/signer.ts'
import { ArgumentError, SigningError } from '../../../src/errors.ts'

const message = new TextEncoder().encode('what is signed')

describe('a remote signer', () => {
  it.each(['Ed25519', 'ES256', 'ES256K'] as const)('SIG-09 of %s returns what verifies', async (algorithm) => {
    const { key, raw } = service(algorithm)
    const signer = remoteSigner({ did: key.did, sign: async (bytes) => raw(bytes) })
    expect(signer.algorithm).toBe(algorithm)
    expect(signer.publicKey).toEqual(key.bytes)
    expect(isSelfChecking(signer)).toBe(true)
    expect(await signer.sign(message)).toHaveLength(64)
  })

  it('returns the low s, whichever it was given', async () => {
    const { key, raw } = service('ES256')
    const signer = remoteSigner({ did: key.did, sign: raw })
    for (let i = 0; i < 20; i++) {
      expect.soft(bigEndian(await signer.sign(Uint8Array.of(i)), 32, 64) <= p256Order / 2n).toBe(true)
    }
  })

  it('SIG-09 refuses a signature of another key, and a signature over other bytes', async () => {
    const { key, raw } = service('Ed25519')
    const other = service('Ed25519')
    for (const answer of [other.raw(message), raw(Uint8Array.of(1)), new Uint8Array(64)]) {
      const signer = remoteSigner({ did: key.did, sign: () => answer })
      await expect(signer.sign(message)).rejects.toThrow(SigningError)
      await expect(signer.sign(message)).rejects.toThrow('the signature is invalid')
    }
  })

  it('SIG-09 explains how to convert a signature of another form', async () => {
    const { key, der } = service('ES256')
    const signer = (answer: unknown) => remoteSigner({ did: key.did, sign: () => answer as Uint8Array }).sign(message)
    await expect(signer(der(message))).rejects.toThrow('convert it from DER to r and s of 32 bytes each')
    await expect(signer(new Uint8Array(83))).rejects.toThrow('must have 64 bytes (got 83); return the raw signature')
    await expect(signer(new Uint8Array())).rejects.toThrow(SigningError)
    for (const answer of [undefined, 'AAAA', [1, 2], { 0: 1 }]) {
      await expect(signer(answer)).rejects.toThrow('the signer must return the signature as a Uint8Array')
    }
  })

  it('keeps the error of the other side as the cause', async () => {
    const { key } = service('Ed25519')
    const cause = new Error('the key is disabled')
    for (const fail of [() => Promise.reject(cause), () => raise(cause)]) {
      const failure = await Promise.resolve(remoteSigner({ did: key.did, sign: fail }).sign(message)).catch((e) => e)
      expect(failure).toBeInstanceOf(SigningError)
      expect(failure.cause).toBe(cause)
    }
  })

  it('is asked for no longer message than it takes', async () => {
    const { key, raw } = service('Ed25519')
    const signer = remoteSigner({ did: key.did, sign: raw, maxMessageBytes: 16 })
    expect(signer.maxMessageBytes).toBe(16)
    expect(await signer.sign(new Uint8Array(16))).toHaveLength(64)
    await expect(signer.sign(new Uint8Array(17))).rejects.toThrow(
      'the message has 17 bytes, but this signer signs at most 16',
    )
  })

  it('passes the signal on, and does not ask when it is aborted already', async () => {
    const { key, raw } = service('Ed25519')
    const seen: (AbortSignal | undefined)[] = []
    const sign: RemoteSignerOptions['sign'] = (bytes, { signal }) => {
      seen.push(signal)
      return raw(bytes)
    }
    const { signal } = new AbortController()
    await remoteSigner({ did: key.did, sign }).sign(message, { signal })
    await expect(remoteSigner({ did: key.did, sign }).sign(message, { signal: AbortSignal.abort() })).rejects.toThrow()
    expect(seen).toEqual([signal])
  })

  it('needs the key of a DID that does not hold it', async () => {
    const { key, raw } = service('Ed25519')
    const did = parseDid('did:web:agents.example')
    expect(() => remoteSigner({ did, sign: raw })).toThrow(ArgumentError)
    for (const wrong of [
      { ...key, did },
      { ...key, algorithm: 'ES256' },
      { ...key, bytes: new Uint8Array(32) },
      key.did,
    ]) {
      expect(() => remoteSigner({ did, key: wrong as never, sign: raw })).toThrow('`key` must be a public key')
    }
    const signer = remoteSigner({ did, key, sign: raw })
    expect(signer.did).toBe(did)
    expect(await signer.sign(message)).toHaveLength(64)
  })
})

interface Service {
  readonly key: PublicKey
  readonly raw: (bytes: Uint8Array) => Uint8Array
  readonly der: (bytes: Uint8Array) => Uint8Array
}

/** Simulates a service that holds a key, by OpenSSL in this process. */
function service(algorithm: 'Ed25519' | 'ES256' | 'ES256K'): Service {
  const { privateKey, publicKey } =
    algorithm === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'secp256k1' })
  const hash = algorithm === 'Ed25519' ? null : 'sha256'
  const make = (key: KeyObject, dsaEncoding: 'ieee-p1363' | 'der') => (bytes: Uint8Array) =>
    Uint8Array.from(sign(hash, bytes, { key, dsaEncoding }))
  return {
    key: publicKeyFromJwk(publicKey.export({ format: 'jwk' })),
    raw: make(privateKey, 'ieee-p1363'),
    der: make(privateKey, 'der'),
  }
}

function raise(error: Error): never {
  throw error
}
