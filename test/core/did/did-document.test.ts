import { Resolver } from 'did-resolver'
import fc from 'fast-check'
import { getResolver } from 'key-did-resolver'
import { describe, expect, it } from 'vitest'
import { decompressPoint } from '../../../src/core/did/curves/decompress-point.ts'
import { p256Curve, secp256k1Curve } from '../../../src/core/did/curves/weierstrass.ts'
import { type Did, parseDid } from '../../../src/core/did/did.ts'
import { documentKeys, type VerificationRelationship } from '../../../src/core/did/did-document.ts'
import { parseDidKey } from '../../../src/core/did/did-key.ts'
import { fromDidResolver, type ResolutionResultLike } from '../../../src/core/did/from-did-resolver.ts'
import { compositeResolver, type DidResolver, keyResolver } from '../../../src/core/did/resolver.ts'
import { encodeBase58btc, encodeBase64url } from '../../../src/core/ipld/base.ts'
import { ArgumentError, MalformedError, ResolutionError } from '../../../src/errors.ts'
import { shortRuns } from '../../property/runs.ts'

const did = parseDid('did:web:example.com')
const ed25519 = parseDidKey('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')
const p256 = parseDidKey('did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv')
const secp256k1 = parseDidKey('did:key:zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme')
const multibase = ed25519.did.slice('did:key:'.length)
const { x, y } = coordinates(p256Curve, p256.bytes)

const multikey = { type: 'Multikey', publicKeyMultibase: multibase }

describe('a DID document', () => {
  it.each([
    ['Multikey', ed25519, multikey],
    ['Multikey', p256, { type: 'Multikey', publicKeyMultibase: p256.did.slice(8) }],
    ['Multikey', secp256k1, { type: 'Multikey', publicKeyMultibase: secp256k1.did.slice(8) }],
    ['JsonWebKey', ed25519, jwk('JsonWebKey', { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(ed25519.bytes) })],
    ['JsonWebKey2020', p256, jwk('JsonWebKey2020', { kty: 'EC', crv: 'P-256', x, y })],
    [
      'JsonWebKey2020',
      secp256k1,
      jwk('JsonWebKey2020', { kty: 'EC', crv: 'secp256k1', ...coordinates(secp256k1Curve, secp256k1.bytes) }),
    ],
    [
      'Ed25519VerificationKey2018',
      ed25519,
      { type: 'Ed25519VerificationKey2018', publicKeyBase58: encodeBase58btc(ed25519.bytes) },
    ],
    ['Ed25519VerificationKey2020', ed25519, { type: 'Ed25519VerificationKey2020', publicKeyMultibase: multibase }],
    [
      'EcdsaSecp256k1VerificationKey2019',
      secp256k1,
      { type: 'EcdsaSecp256k1VerificationKey2019', publicKeyBase58: encodeBase58btc(secp256k1.bytes) },
    ],
    [
      'EcdsaSecp256r1VerificationKey2019',
      p256,
      { type: 'EcdsaSecp256r1VerificationKey2019', publicKeyMultibase: p256.did.slice(8) },
    ],
  ])('holds keys as %s', (_, key, method) => {
    expect(documentKeys(did, documentOf(method))).toEqual([key])
  })

  it('DID-05 names the DID it was asked for [attack 70]', () => {
    const document = documentOf(multikey)
    for (const id of ['did:web:example.org', 'did:web:example.com#', 'did:web:Example.com', '', undefined, 5, [did]]) {
      expect.soft(() => documentKeys(did, { ...document, id })).toThrow(ResolutionError)
    }
    for (const other of [undefined, null, 'text', 5, [], [document]]) {
      expect.soft(() => documentKeys(did, other)).toThrow(ResolutionError)
    }
    expect(() => documentKeys(did, Object.create(document))).toThrow(ResolutionError)
  })

  it('DID-06 lists a key for invoking and for delegating, not for something else [attack 70]', () => {
    const all = ['authentication', 'assertionMethod', 'keyAgreement', 'capabilityInvocation', 'capabilityDelegation']
    for (const left of all) {
      const listed = all.filter((name) => name !== left)
      const keys = documentKeys(did, documentOf(multikey, { relationships: listed }))
      expect.soft(keys, `without ${left}`).toEqual(left.startsWith('capability') ? [] : [ed25519])
    }
    const signing = documentOf(multikey, { relationships: ['assertionMethod'] })
    expect(documentKeys(did, signing, ['assertionMethod'])).toEqual([ed25519])
    expect(documentKeys(did, signing, ['assertionMethod', 'authentication'])).toEqual([])
    expect(documentKeys(did, signing, [])).toEqual([])
  })

  it('may hold a method inside the list, or name it by its fragment', () => {
    const method = { id: `${did}#one`, controller: did, ...multikey }
    const relative = { id: '#one', controller: did, ...multikey }
    for (const [methods, entry] of [
      [[], method],
      [[], relative],
      [[method], '#one'],
      [[method], `${did}#one`],
      [[relative], `${did}#one`],
    ]) {
      const document = {
        id: did,
        verificationMethod: methods,
        capabilityInvocation: [entry],
        capabilityDelegation: [entry],
      }
      expect.soft(documentKeys(did, document)).toEqual([ed25519])
    }
  })

  it('DID-07 gives no key that another principal controls [attack 70]', () => {
    for (const change of [
      { controller: 'did:web:evil.example' },
      { controller: undefined },
      { controller: [did] },
      { id: 'did:web:evil.example#one' },
      { id: 'did:web:example.com.evil.example#one' },
      { id: `${did}` },
      { id: undefined },
    ]) {
      const method = { id: `${did}#one`, controller: did, ...multikey, ...change }
      const document = {
        id: did,
        verificationMethod: [method],
        capabilityInvocation: [method],
        capabilityDelegation: [method],
      }
      expect.soft(documentKeys(did, document), JSON.stringify(change)).toEqual([])
    }
  })

  it('DID-07 gives no key when two methods have one name', () => {
    const other = { ...multikey, publicKeyMultibase: p256.did.slice(8) }
    const document = documentOf(multikey)
    const twice = [...document.verificationMethod, { id: `${did}#key`, controller: did, ...other }]
    expect(documentKeys(did, { ...document, verificationMethod: twice })).toEqual([])
  })

  it('DID-08 holds each key in one form, of its type', () => {
    for (const method of [
      { ...multikey, publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(ed25519.bytes) } },
      { ...multikey, publicKeyBase58: encodeBase58btc(ed25519.bytes) },
      { type: 'Multikey' },
      { type: 'Multikey', publicKeyBase58: encodeBase58btc(ed25519.bytes) },
      { type: 'Ed25519VerificationKey2020', publicKeyMultibase: p256.did.slice(8) },
      { type: 'EcdsaSecp256k1VerificationKey2019', publicKeyMultibase: multibase },
      { type: 'EcdsaSecp256k1RecoveryMethod2020', publicKeyMultibase: secp256k1.did.slice(8) },
      { type: 'toString', publicKeyMultibase: multibase },
      { type: ['Multikey'], publicKeyMultibase: [multibase] },
      { type: 'Multikey', publicKeyMultibase: 5 },
      { type: 'Multikey', publicKeyMultibase: '' },
      { type: 'Multikey', publicKeyMultibase: 'z'.repeat(10_000) },
      { type: 'Ed25519VerificationKey2018', publicKeyBase58: '1'.repeat(10_000) },
      { type: 'JsonWebKey', publicKeyJwk: null },
      { type: 'JsonWebKey', publicKeyJwk: {} },
      { type: 'JsonWebKey', publicKeyJwk: { kty: 'OKP', crv: 'Ed25519', x: 5 } },
    ]) {
      expect.soft(documentKeys(did, documentOf(method)), JSON.stringify(method).slice(0, 80)).toEqual([])
    }
  })

  it('KEY-10 KEY-11 holds no JWK of another kind, of another length or off its curve', () => {
    for (const key of [
      { kty: 'EC', crv: 'Ed25519', x },
      { kty: 'OKP', crv: 'X25519', x },
      { kty: 'OKP', crv: 'P-256', x, y },
      { kty: 'EC', crv: 'P-384', x, y },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      { kty: 'oct', k: 'AQAB' },
      { kty: 'EC', crv: 'P-256', x },
      { kty: 'EC', crv: 'P-256', x, y: x },
      { kty: 'EC', crv: 'P-256', x: y, y: x },
      { kty: 'EC', crv: 'P-256', x: `${x}=`, y },
      { kty: 'EC', crv: 'P-256', x: encodeBase64url(new Uint8Array(33)), y },
      { kty: 'EC', crv: 'P-256', x, y: encodeBase64url(new Uint8Array(31)) },
      { kty: 'EC', crv: 'secp256k1', x, y },
    ]) {
      expect.soft(documentKeys(did, documentOf(jwk('JsonWebKey2020', key))), JSON.stringify(key)).toEqual([])
    }
  })

  it('holds no key of small order, which every signature would fit [attack 56]', () => {
    const small = new Uint8Array(32)
    small[0] = 1
    const prefixed = Uint8Array.of(0xed, 0x01, ...small)
    for (const method of [
      { type: 'Multikey', publicKeyMultibase: `z${encodeBase58btc(prefixed)}` },
      { type: 'Ed25519VerificationKey2018', publicKeyBase58: encodeBase58btc(small) },
      jwk('JsonWebKey', { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(small) }),
    ]) {
      expect.soft(documentKeys(did, documentOf(method))).toEqual([])
    }
  })

  it('DID-09 has few keys and short lists, so that reading it stays cheap', () => {
    const method = (i: number, bytes: Uint8Array) => ({
      id: `${did}#${i}`,
      controller: did,
      type: 'Ed25519VerificationKey2018',
      publicKeyBase58: encodeBase58btc(bytes),
    })
    const keys = distinctKeys(9)
    const listed = (count: number) => {
      const methods = keys.slice(0, count).map((bytes, i) => method(i, bytes))
      return { id: did, capabilityInvocation: methods, capabilityDelegation: methods }
    }
    expect(documentKeys(did, listed(8))).toHaveLength(8)
    expect(() => documentKeys(did, listed(9))).toThrow('has more than 8 keys')
    const many = Array.from({ length: 65 }, (_, i) => ({ id: `#${i}` }))
    for (const name of ['verificationMethod', 'capabilityInvocation', 'capabilityDelegation']) {
      expect.soft(() => documentKeys(did, { id: did, [name]: many })).toThrow('a list of more than 64 entries')
    }
  })
})

/** JSON that breaks who turns it into text or looks for a member of it. */
const traps = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    ...[{ toString: 1, valueOf: 1 }, { length: 1e9 }, ['Multikey'], [null], '__proto__', { constructor: null }],
  ),
)

describe('a DID document of strangers', () => {
  it('gives keys or a ResolutionError, for any values in its fields', () => {
    const jwkMethod = jwk('JsonWebKey', { kty: 'OKP', crv: 'Ed25519', x: encodeBase64url(ed25519.bytes) })
    let read = 0
    fc.assert(
      fc.property(fc.constantFrom(multikey, jwkMethod), fc.nat(), traps, (method, place, value) => {
        const document: unknown = JSON.parse(JSON.stringify(documentOf(method)))
        const slots = slotsIn(document)
        slots[place % slots.length]?.(value)
        try {
          documentKeys(did, document)
          read += 1
        } catch (error) {
          expect(error).toBeInstanceOf(ResolutionError)
        }
      }),
      shortRuns(2_000, 8),
    )
    expect(read).toBeGreaterThan(100)
  })
})

/** Every place within a value, as a function that puts something else there. */
function slotsIn(value: unknown): readonly ((other: unknown) => void)[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    (other: unknown) => void Object.assign(value, { [key]: other }),
    ...slotsIn(inner),
  ])
}

describe('fromDidResolver', () => {
  const resolvers = [
    ['a Resolver with a registry', fromDidResolver(new Resolver(getResolver()))],
    ['a registry', fromDidResolver(getResolver())],
  ] as const

  it.each(resolvers)('reads did:key by way of %s of other packages', async (_, resolver) => {
    for (const key of [ed25519, p256, secp256k1]) {
      expect.soft(await resolver.resolve(key.did, {}), key.did).toEqual({ keys: [key] })
      expect.soft(await resolver.resolve(key.did, {})).toEqual(keyResolver().resolve(key.did, {}))
    }
    expect(await resolver.resolve(did, {})).toBeUndefined()
  })

  it.each(['notFound', 'invalidDid', 'unsupportedDidMethod', 'methodNotSupported'])(
    'DID-10 resolves undefined when the answer is %s',
    async (error) => {
      expect(await foreign({ didResolutionMetadata: { error }, didDocument: null }).resolve(did, {})).toBeUndefined()
    },
  )

  it('DID-10 resolves undefined when the DID is deactivated', async () => {
    const result = { didDocument: documentOf(multikey), didDocumentMetadata: { deactivated: true } }
    expect(await foreign(result).resolve(did, {})).toBeUndefined()
  })

  it('DID-10 rejects when the answer is not known [attack 72]', async () => {
    const cause = new Error('the network is down')
    const resolver = fromDidResolver({ resolve: () => Promise.reject(cause) })
    await expect(resolver.resolve(did, {})).rejects.toMatchObject({ code: 'ERR_RESOLUTION', cause })
    for (const result of [
      { didResolutionMetadata: { error: 'internalError' } },
      { didResolutionMetadata: { error: '' } },
      { didResolutionMetadata: { error: { toString: 1, valueOf: 1 } } },
      { didResolutionMetadata: {}, didDocument: null },
      { didDocument: { ...documentOf(multikey), id: 'did:web:example.org' } },
      {},
      undefined,
      null,
    ]) {
      const other = foreign(result as ResolutionResultLike)
      await expect.soft(other.resolve(did, {}), JSON.stringify(result)).rejects.toThrow(ResolutionError)
    }
  })

  it('reads the configured relationships', async () => {
    const document = documentOf(multikey, { relationships: ['authentication'] })
    const relationships: VerificationRelationship[] = ['authentication']
    const resolver = fromDidResolver({ resolve: async () => ({ didDocument: document }) }, { relationships })
    expect(await resolver.resolve(did, {})).toEqual({ keys: [ed25519] })
    for (const wrong of [[], ['capabilityinvocation'], 'authentication']) {
      const make = () => fromDidResolver({ resolve: async () => ({}) }, { relationships: wrong as never })
      expect(make, String(wrong)).toThrow('`relationships`')
    }
  })

  it('stops waiting when it is aborted', async () => {
    const controller = new AbortController()
    const answer = fromDidResolver({ resolve: () => new Promise<never>(() => {}) }).resolve(did, {
      signal: controller.signal,
    })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(answer).rejects.toBe(reason)
    const late = fromDidResolver({ resolve: () => Promise.reject(new Error('late')) })
    await expect(late.resolve(did, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('resolvers', () => {
  it('of did:key answer at once, and only for did:key', () => {
    expect(keyResolver().resolve(ed25519.did, {})).toEqual({ keys: [ed25519] })
    expect(keyResolver().resolve(did, {})).toBeUndefined()
    expect(() => keyResolver().resolve('did:key:zabc' as Did, {})).toThrow(MalformedError)
  })

  it('are joined by method, and only by methods that were given', async () => {
    const web: DidResolver = { resolve: async () => ({ keys: [p256] }) }
    const resolver = compositeResolver({ key: keyResolver(), web })
    expect(resolver.resolve(ed25519.did, {})).toEqual({ keys: [ed25519] })
    expect(await resolver.resolve(did, {})).toEqual({ keys: [p256] })
    for (const method of ['plc', 'constructor', 'tostring', 'valueof']) {
      expect.soft(resolver.resolve(parseDid(`did:${method}:abc`), {})).toBeUndefined()
    }
  })

  it('are joined of resolvers only', () => {
    for (const wrong of [{}, { key: keyResolver }, new Map([['key', keyResolver()]])]) {
      expect(() => compositeResolver(wrong as never), String(wrong)).toThrow(ArgumentError)
    }
  })

  it('are joined once: what is added to the object later is not seen', () => {
    const resolvers: Record<string, DidResolver> = { key: keyResolver() }
    const resolver = compositeResolver(resolvers)
    resolvers.web = { resolve: () => ({ keys: [p256] }) }
    expect(resolver.resolve(did, {})).toBeUndefined()
  })
})

function foreign(result: ResolutionResultLike): DidResolver {
  return fromDidResolver({ resolve: async () => result })
}

function documentOf(method: object, options?: { relationships?: readonly string[] }) {
  const relationships = options?.relationships ?? ['capabilityInvocation', 'capabilityDelegation']
  return {
    id: did,
    verificationMethod: [{ id: `${did}#key`, controller: did, ...method }],
    ...Object.fromEntries(relationships.map((name) => [name, [`${did}#key`]])),
  }
}

function jwk(type: string, publicKeyJwk: object): object {
  return { type, publicKeyJwk }
}

function coordinates(curve: typeof p256Curve, bytes: Uint8Array): { x: string; y: string } {
  const point = decompressPoint(curve, bytes)
  return { x: encodeBase64url(point.x), y: encodeBase64url(point.y) }
}

/** Bytes that are good Ed25519 keys: y counted up, points that do not exist passed over. */
function distinctKeys(count: number): Uint8Array[] {
  const found: Uint8Array[] = []
  for (let y = 2; found.length < count; y++) {
    const bytes = new Uint8Array(32)
    bytes[0] = y
    const prefixed = Uint8Array.of(0xed, 0x01, ...bytes)
    try {
      parseDidKey(`did:key:z${encodeBase58btc(prefixed)}`)
      found.push(bytes)
    } catch {
      // This y is not the y of a point.
    }
  }
  return found
}
