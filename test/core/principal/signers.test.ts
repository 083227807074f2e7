import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { parseDid } from '../../../src/core/did/did.ts'
import { parseDidKey, publicKey } from '../../../src/core/did/did-key.ts'
import { encodeBase64, encodeBase64url } from '../../../src/core/ipld/base.ts'
import { encodeHex } from '../../../src/core/ipld/hex.ts'
import { backend as web } from '../../../src/core/principal/backend/web.ts'
import { generateSigner } from '../../../src/core/principal/generate-signer.ts'
import { importSigner } from '../../../src/core/principal/import-signer.ts'
import { verifySignature } from '../../../src/core/principal/signature.ts'
import { isSelfChecking, type Signer, signerOf } from '../../../src/core/principal/signer.ts'
import { webCryptoSigner } from '../../../src/core/principal/web-crypto-signer.ts'
import { ArgumentError, SigningError } from '../../../src/errors.ts'
import { backends } from './crypto-vectors.ts'

const algorithms = ['Ed25519', 'ES256', 'ES256K'] as const
const message = new TextEncoder().encode('what is signed')
const seed = Uint8Array.from({ length: 32 }, (_, i) => i + 1)

/** The public keys of {@link seed}, from the command-line tool of OpenSSL. */
const dids = {
  Ed25519: 'did:key:z6MkneMkZqwqRiU5mJzSG3kDwzt9P8C59N4NGTfBLfSGE7c7',
  ES256: 'did:key:zDnaeVuZeVRqvscGkiEoR9PFFra2xZUMp97ZPuGFK1VLU7iYN',
  ES256K: 'did:key:zQ3shWLyu8mc4GLnyzrxvWj9kJPijwGbjdrr3pZ8hacUYxawh',
}

afterEach(() => vi.restoreAllMocks())

describe.each(algorithms)('a signer of %s', (algorithm) => {
  it('is made new, each time another', async () => {
    const [one, other] = [await generateSigner({ algorithm }), await generateSigner({ algorithm })]
    expect(one.algorithm).toBe(algorithm)
    expect(one.did).not.toBe(other.did)
    await expectWorking(one)
  })

  it('is imported from 32 bytes, from their text, and from the formats of other programs', async () => {
    const { pkcs8, jwk } = exported(algorithm)
    for (const source of [{ pkcs8 }, { jwk }, { jwk: { kty: jwk.kty!, crv: jwk.crv!, d: jwk.d! } }]) {
      const signer = await importSigner(source, { algorithm })
      expect(encodeHex(signer.publicKey)).toBe(encodeHex(publicOf(algorithm, jwk)))
      await expectWorking(signer)
    }
    for (const source of [
      { seed },
      { base64: encodeBase64(seed) },
      { base64: encodeBase64(seed).replace('=', '') },
      { base64: encodeBase64url(seed) },
    ]) {
      expect((await importSigner(source, { algorithm })).did).toBe(dids[algorithm])
    }
    expect((await importSigner({ pkcs8 })).algorithm).toBe(algorithm)
  })

  it('makes the same keys on every back end, and signatures that all of them accept', async () => {
    for (const backend of backends) {
      const signer = signerOf(algorithm, await backend.importKey(algorithm, seed))
      expect(signer.did, backend.name).toBe(dids[algorithm])
      await expectWorking(signer)
      await expectWorking(signerOf(algorithm, await backend.generateKey(algorithm)))
    }
  })

  it('keeps its key when the bytes passed in are overwritten', async () => {
    for (const backend of backends) {
      const bytes = seed.slice()
      const key = await backend.importKey(algorithm, bytes)
      bytes.fill(0)
      await expectWorking(signerOf(algorithm, key))
    }
  })

  it('can sign for a DID that is not its own did:key', async () => {
    const did = parseDid('did:web:agents.example')
    const signer = await importSigner({ seed }, { algorithm, did })
    expect(signer.did).toBe(did)
    await expectWorking(signer)
  })

  it('SIG-10 shows its DID and nothing of its key [attack 65]', async () => {
    const signers = [
      await importSigner({ seed }, { algorithm }),
      ...(await Promise.all(
        backends.map(async (backend) => signerOf(algorithm, await backend.importKey(algorithm, seed))),
      )),
    ]
    const secrets = [encodeHex(seed), encodeBase64(seed), encodeBase64url(seed), seed.join(), [...seed].join(', ')]
    for (const signer of signers) {
      const shown = [
        JSON.stringify(signer),
        JSON.stringify({ nested: [signer] }),
        String(signer),
        inspect(signer, { depth: 9, showHidden: true, getters: true }),
        inspect({ nested: signer }, { depth: 9 }),
        inspect(new Map([[signer, signer]])),
        signer.sign.toString(),
      ]
      expect(JSON.parse(shown[0]!)).toEqual({ did: dids[algorithm] })
      expect(shown[2]).toBe(dids[algorithm])
      for (const text of shown) for (const secret of secrets) expect.soft(text).not.toContain(secret)
      for (const key of Reflect.ownKeys(signer)) {
        const value = Reflect.get(signer, key)
        if (value instanceof Uint8Array) expect.soft(encodeHex(value)).not.toContain(encodeHex(seed))
      }
    }
  })
})

describe('a signer', () => {
  it('is of Ed25519 unless something else is asked for', async () => {
    expect((await generateSigner()).algorithm).toBe('Ed25519')
    expect((await importSigner({ seed })).did).toBe(dids.Ed25519)
  })

  it('marks its signatures as checked, and a copy of it does not', async () => {
    const signer = await generateSigner()
    expect(isSelfChecking(signer)).toBe(true)
    expect(isSelfChecking({ ...signer, sign: () => new Uint8Array(64) })).toBe(false)
    expect(isSelfChecking(Object.create(signer) as Signer)).toBe(false)
    expect(Object.isFrozen(signer)).toBe(true)
  })

  it.each([
    ['short bytes', { seed: seed.subarray(1) }, 'the private key must have 32 bytes (got 31)'],
    ['long bytes', { seed: new Uint8Array(64) }, 'the private key must have 32 bytes (got 64)'],
    ['other text', { base64: 'no base64 at all!' }, 'the private key must be base64 or base64url'],
    ['a very long text', { base64: 'A'.repeat(10_000) }, 'the private key must be base64 or base64url'],
    ['a JWK without d', { jwk: { kty: 'OKP', crv: 'Ed25519' } }, 'the JWK must contain the private key `d`'],
    ['random bytes', { pkcs8: seed }, 'the bytes must be an unencrypted PKCS#8 key in DER'],
    ['nothing', { pkcs8: new Uint8Array() }, 'the bytes must be an unencrypted PKCS#8 key in DER'],
  ])('is not made of %s', async (_, source, text) => {
    const failure = await importSigner(source).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ArgumentError)
    expect((failure as Error).message).toBe(text)
  })

  it('is not made of a scalar out of range', async () => {
    for (const algorithm of ['ES256', 'ES256K'] as const) {
      for (const byte of [0, 255]) {
        const source = { seed: new Uint8Array(32).fill(byte) }
        await expect(importSigner(source, { algorithm })).rejects.toThrow('the private key is out of range')
      }
    }
  })

  it('is not made of a key of another kind than was asked for, or that is not known', async () => {
    const { pkcs8, jwk } = exported('ES256')
    for (const source of [{ pkcs8 }, { jwk }]) {
      await expect(importSigner(source, { algorithm: 'Ed25519' })).rejects.toThrow(
        'has the algorithm ES256, not Ed25519',
      )
    }
    for (const { privateKey } of [
      generateKeyPairSync('ec', { namedCurve: 'P-384' }),
      generateKeyPairSync('x25519'),
      generateKeyPairSync('ed448'),
    ]) {
      const other = Uint8Array.from(privateKey.export({ type: 'pkcs8', format: 'der' }))
      await expect(importSigner({ pkcs8: other })).rejects.toThrow('must be an Ed25519, P-256 or secp256k1 key')
      await expect(importSigner({ jwk: privateKey.export({ format: 'jwk' }) })).rejects.toThrow(
        'the JWK must be an Ed25519',
      )
    }
  })

  it('is not made of a PKCS#8 file that is cut, prolonged or changed in its frame', async () => {
    for (const algorithm of algorithms) {
      const { pkcs8 } = exported(algorithm)
      for (let length = 0; length < pkcs8.length; length++) {
        await expect(importSigner({ pkcs8: pkcs8.subarray(0, length) })).rejects.toThrow(ArgumentError)
      }
      await expect(importSigner({ pkcs8: Uint8Array.of(...pkcs8, 0) })).rejects.toThrow(ArgumentError)
      await expect(importSigner({ pkcs8: Uint8Array.of(...pkcs8, ...pkcs8) })).rejects.toThrow(ArgumentError)
    }
  })

  it('is not made of a JWK whose halves do not belong together, and the message shows neither', async () => {
    for (const algorithm of algorithms) {
      const { jwk } = exported(algorithm)
      const other = exported(algorithm).jwk
      const failure = await importSigner({ jwk: { ...jwk, d: other.d! } }).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(ArgumentError)
      expect(inspect(failure)).not.toContain(other.d)
    }
  })
})

describe('a signer of a WebCrypto key pair', () => {
  const kinds = [
    ['Ed25519', { name: 'Ed25519' }],
    ['ES256', { name: 'ECDSA', namedCurve: 'P-256' }],
  ] as const

  it.each(kinds)('of %s works with a private key that cannot be exported', async (algorithm, parameters) => {
    const pair = await makePair(parameters)
    const signer = await webCryptoSigner(pair)
    expect(signer.algorithm).toBe(algorithm)
    expect(isSelfChecking(signer)).toBe(true)
    await expectWorking(signer)
    await expect(crypto.subtle.exportKey('pkcs8', pair.privateKey)).rejects.toThrow()
    const did = parseDid('did:web:agents.example')
    expect((await webCryptoSigner(pair, { did })).did).toBe(did)
  })

  it.each(kinds)('of %s has two halves that belong together', async (_, parameters) => {
    const { privateKey } = await makePair(parameters)
    const { publicKey } = await makePair(parameters)
    await expect(webCryptoSigner({ privateKey, publicKey })).rejects.toThrow(SigningError)
  })

  it('is of a kind that is known', async () => {
    const pair = await makePair({ name: 'ECDSA', namedCurve: 'P-384' })
    await expect(webCryptoSigner(pair)).rejects.toThrow(ArgumentError)
    const { privateKey, publicKey } = await makePair({ name: 'Ed25519' })
    for (const wrong of [
      { privateKey: publicKey, publicKey: privateKey },
      { privateKey: publicKey, publicKey },
    ]) {
      await expect(webCryptoSigner(wrong)).rejects.toThrow('the key pair is invalid')
    }
    await expect(webCryptoSigner({ privateKey } as never)).rejects.toThrow('the key pair is invalid')
  })
})

describe('the back end of browsers', () => {
  it('does without the platform what the platform lacks', async () => {
    const missing = () => Promise.reject(new DOMException('unrecognized name', 'NotSupportedError'))
    vi.spyOn(crypto.subtle, 'importKey').mockImplementation(missing)
    vi.spyOn(crypto.subtle, 'generateKey').mockImplementation(missing)
    const verify = vi.spyOn(crypto.subtle, 'verify')
    for (const algorithm of algorithms) {
      expect(signerOf(algorithm, await web.importKey(algorithm, seed)).did).toBe(dids[algorithm])
      const signer = signerOf(algorithm, await web.generateKey(algorithm))
      const key = publicKey(algorithm, signer.publicKey)
      const signature = await signer.sign(message)
      const prepared = await web.prepareKey(key)
      expect(await verifySignature(web, key, prepared, signature, message)).toBe(true)
      expect(await verifySignature(web, key, prepared, signature, Uint8Array.of(1))).toBe(false)
    }
    expect(verify).not.toHaveBeenCalled()
  })

  it('keeps private keys where they cannot be read, when the platform can', async () => {
    const made = vi.spyOn(crypto.subtle, 'importKey')
    const generated = vi.spyOn(crypto.subtle, 'generateKey')
    await signerOf('Ed25519', await web.importKey('Ed25519', seed)).sign(message)
    await web.generateKey('Ed25519')
    expect(generated.mock.calls.map((call) => call[1])).toEqual([false])
    const kept = (await Promise.all(made.mock.results.map(({ value }) => value as Promise<CryptoKey>))).filter(
      ({ type, extractable }) => type === 'private' && !extractable,
    )
    expect(kept).toHaveLength(1)
  })
})

async function expectWorking(signer: Signer): Promise<void> {
  const signature = await signer.sign(message)
  expect(signature).toHaveLength(64)
  expect(signature.constructor).toBe(Uint8Array)
  const key = publicKey(signer.algorithm, signer.publicKey)
  if (signer.did.startsWith('did:key:')) expect(parseDidKey(signer.did)).toEqual(key)
  for (const backend of backends) {
    const prepared = await backend.prepareKey(key)
    expect(await verifySignature(backend, key, prepared, signature, message), backend.name).toBe(true)
  }
}

function exported(algorithm: (typeof algorithms)[number]): { pkcs8: Uint8Array; jwk: Record<string, string> } {
  const { privateKey } =
    algorithm === 'Ed25519'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('ec', { namedCurve: algorithm === 'ES256' ? 'P-256' : 'secp256k1' })
  return {
    pkcs8: Uint8Array.from(privateKey.export({ type: 'pkcs8', format: 'der' })),
    jwk: privateKey.export({ format: 'jwk' }) as Record<string, string>,
  }
}

function publicOf(algorithm: (typeof algorithms)[number], { x = '', y = '' }: Record<string, string>): Uint8Array {
  const bytes = Uint8Array.from(Buffer.from(x, 'base64url'))
  return algorithm === 'Ed25519' ? bytes : Uint8Array.of(2 + (Buffer.from(y, 'base64url')[31]! & 1), ...bytes)
}

async function makePair(parameters: AlgorithmIdentifier | EcKeyGenParams): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(parameters, false, ['sign', 'verify'])) as CryptoKeyPair
}

describe('a private key of another form', () => {
  it('is refused if it has two forms, and is read once', async () => {
    const seed = new Uint8Array(32).fill(1)
    await expect(importSigner({ seed, base64: 'AA' } as never)).rejects.toThrow('the private key has 2 forms')
    let reads = 0
    const source = {
      get seed() {
        reads += 1
        return seed
      },
    }
    await importSigner(source)
    expect(reads).toBe(1)
  })

  it('is refused, and not shown [attack 65]', async () => {
    const text = 'canary-of-thirty-two-characters!'
    for (const source of [text, { seed: text }, { key: text }, undefined, null]) {
      const error: unknown = await importSigner(source as never).catch((thrown: unknown) => thrown)
      expect(String(error)).not.toContain('canary')
      expect(error).toBeInstanceOf(ArgumentError)
    }
  })
})
