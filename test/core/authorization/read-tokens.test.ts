/**
 * The names and fields of tokens are those that an independent decoder finds in their bytes.
 *
 * @module
 */

import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { defaultBounds } from '../../../src/bounds.ts'
import { isDenial } from '../../../src/core/authorization/denial.ts'
import { readTokens, type Tokens } from '../../../src/core/authorization/formats/read-tokens.ts'
import { createCaches } from '../../../src/core/authorization/machinery/caches.ts'
import { runSync } from '../../../src/core/authorization/machinery/steps.ts'
import type { Refusal } from '../../../src/core/authorization/refusal.ts'
import type { VerificationSettings } from '../../../src/core/authorization/settings.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainerBytes, splitContainer } from '../../../src/core/container/container.ts'
import { completeDecoding } from '../../../src/core/envelope/complete-decoding.ts'
import { type DecodeOptions, openEnvelope } from '../../../src/core/envelope/open.ts'
import { varsigHeader } from '../../../src/core/envelope/varsig.ts'
import { writeInvocationPayload } from '../../../src/core/invocation/payload.ts'
import { encodeBase64 } from '../../../src/core/ipld/base.ts'
import { bytesEqual, concatBytes } from '../../../src/core/ipld/bytes.ts'
import { readCid } from '../../../src/core/ipld/cid.ts'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import { type IpldMap, type IpldValue, isBytes, isList, isMap } from '../../../src/core/ipld/value.ts'
import { MalformedError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { mutateBytes } from '../../fuzz/mutate.ts'
import { randomOf } from '../../fuzz/random.ts'
import { inCi } from '../../property/runs.ts'
import { decodeStrict, encodeCanonical } from '../../reference/cbor.ts'
import { cidOf } from '../../reference/chain.ts'
import { actor } from '../../support/actors.ts'
import { call, chainOf, delegateRaw } from '../../support/service.ts'
import { containerOf } from '../../vectors/decide.ts'
import { readVectors } from '../../vectors/read.ts'

const [alice, bob, owner256] = await Promise.all([actor('alice'), actor('bob'), actor('owner', 'ES256')])
const proofs = await chainOf(alice, bob)
const invocation = await call({
  issuer: bob,
  proofs,
  args: { to: 'a', list: [1, { a: [new Uint8Array(3)] }], link: proofs[0]?.cid as CID },
})
const selfAddressed = await call({ issuer: bob, audience: bob.did })
const unlimited = await delegateRaw(alice, bob, { expiration: never, subject: anySubject })

/** Settings for reading. */
function reading(options: DecodeOptions): VerificationSettings {
  return { ...completeDecoding(options), backend } as Partial<VerificationSettings> as VerificationSettings
}

const standard = reading({})
const variants: readonly VerificationSettings[] = [
  standard,
  reading({ accept: ['1.0.0-rc.1'] }),
  reading({ accept: ['1.0.0', '1.0.0-rc.1'], acceptRedundantFields: true }),
  reading({ bounds: { depth: 3 } }),
  reading({ bounds: { depth: 4 } }),
  reading({ bounds: { depth: 5 } }),
  reading({ bounds: { items: 20 } }),
  reading({ bounds: { tokenBytes: 300 } }),
]

/** One for all tokens, as in a service: a token must not change how another is read. */
const caches = createCaches(0)

function read(tokens: readonly Uint8Array[], settings: VerificationSettings): Tokens | Refusal {
  return runSync(readTokens(encodeContainerBytes(tokens.map((bytes) => ({ bytes }))), settings, caches))
}

/** The payload, the signature and the signed bytes of a token by the independent decoder. */
function decoded(bytes: Uint8Array) {
  const strict = decodeStrict(bytes)
  if (strict === undefined) throw new Error(`the independent decoder refuses ${encodeBase64(bytes)}`)
  const { value, wholeFloats } = strict
  const [signature, body] = value as [Uint8Array, { readonly [name: string]: IpldValue }]
  const tag = Object.keys(body).find((name) => name !== 'h') as string
  const { meta, ...payload } = body[tag] as IpldMap
  const isEmpty = meta === undefined || Object.keys(meta as IpldMap).length === 0
  return { tag, signature, hasFloats: wholeFloats.length > 0, payload: isEmpty ? payload : { ...payload, meta } }
}

/** Reads a token and compares it. Returns whether it can be read. */
function compare(bytes: Uint8Array, settings: VerificationSettings = standard): boolean {
  // The independent decoder drops a byte order mark.
  if (Buffer.from(bytes).includes('\ufeff')) return false
  const alone = read([bytes], settings)
  if (!isDenial(alone)) {
    compareInvocation(bytes, alone)
    return true
  }
  if (alone.code !== 'invocation_missing') return false
  const beside = read([invocation.bytes, bytes], variants[2] as VerificationSettings)
  if (isDenial(beside)) throw new Error('a delegation cannot be read beside an invocation')
  compareDelegation(bytes, beside)
  return true
}

function compareInvocation(bytes: Uint8Array, { invocation: read, delegations }: Tokens): void {
  const { tag, signature, payload, hasFloats } = decoded(bytes)
  // `writeInvocationPayload` writes no `nbf`.
  const { nbf, ...rest } = payload as IpldMap
  const { aud, ...withoutAudience } = rest
  expect(tag).toMatch(/^ucan\/inv@/)
  expect(delegations.size).toBe(0)
  expect(String(read.cid)).toBe(cidOf(bytes))
  expect(bytesEqual(read.envelope.signature, signature)).toBe(true)
  expect(bytesEqual(read.envelope.signed, bytes.subarray(67))).toBe(true)
  const written = aud === payload['sub'] ? withoutAudience : rest
  expect(read.fields.notBefore).toBe(nbf)
  expect(encodeBase64(encodeCbor(writeInvocationPayload(read.fields)))).toBe(encodeBase64(encodeCanonical(written)))
  const { cmd, sub, args, nonce } = payload as IpldMap
  const task = encodeBase64(encodeCanonical({ cmd, sub, args, nonce }))
  if (!hasFloats) expect(encodeBase64(read.task())).toBe(task)
}

function compareDelegation(bytes: Uint8Array, { delegations }: Tokens): void {
  const { tag, signature, payload } = decoded(bytes)
  const [link] = [...delegations.values()]
  const { iss, aud, sub, cmd, exp, nbf } = payload as IpldMap
  expect(tag).toMatch(/^ucan\/dlg@/)
  expect(link?.unverified?.signature).toEqual(signature)
  expect(link?.link).toMatchObject({ name: cidOf(bytes), issuer: iss, audience: aud, command: cmd })
  expect(link?.link.subject).toBe(sub === null ? anySubject : sub)
  expect(link?.link.expiration).toBe(exp === null ? never : exp)
  expect(link?.link.notBefore).toBe(nbf)
}

/** An envelope over any payload, which need not be valid. */
function envelopeOf(tag: string, payload: IpldValue, h: Uint8Array = varsigHeader('Ed25519')): Uint8Array {
  return encodeCbor([new Uint8Array(64).fill(7), { h, [tag]: payload }])
}

/** The payload of a token, to change it. */
function payloadOf(bytes: Uint8Array): { [name: string]: IpldValue } {
  return { ...openEnvelope(bytes).payload }
}

/** Every position of a token, or one of this many. */
const step = inCi ? 1 : 5

/** Values that a field may or may not have. */
const values: readonly IpldValue[] = [
  null,
  true,
  0,
  23,
  24,
  255,
  256,
  65_535,
  65_536,
  4_294_967_295,
  4_294_967_296,
  -1,
  1.5,
  '',
  '/',
  '/mail',
  '/Mail',
  'a'.repeat(23),
  'a'.repeat(24),
  'a'.repeat(255),
  'a'.repeat(256),
  `did:web:${'a'.repeat(120)}`,
  'did:web:ä.example',
  alice.did,
  bob.did,
  owner256.did,
  new Uint8Array(0),
  new Uint8Array(12),
  new Uint8Array(23),
  new Uint8Array(24),
  new Uint8Array(64),
  new Uint8Array(65),
  [],
  [1],
  [invocation.cid],
  Array.from({ length: 23 }, () => invocation.cid),
  Array.from({ length: 24 }, () => invocation.cid),
  [readCid(CID.createV1(0x55, invocation.cid.multihash).bytes)],
  [['==', '.to', 'a']],
  [['and', [['==', '.to', 'a']]]],
  [['no', '.to', 'a']],
  {},
  { a: 1 },
  { a: { b: [null, 'ä', { c: 1 }] } },
]

const names = ['aud', 'cmd', 'exp', 'iat', 'iss', 'nbf', 'pol', 'prf', 'sub', 'args', 'meta', 'cause', 'nonce', 'new']
const tags = ['ucan/inv@1.0.0', 'ucan/dlg@1.0.0', 'ucan/inv@1.0.0-rc.1', 'ucan/dlg@1.0.0-rc.1', 'ucan/inv@1.0.1']

describe('tokens', () => {
  it('are read as this library writes them', async () => {
    for (const token of [...proofs, unlimited, invocation, selfAddressed, await delegateRaw(owner256, bob)]) {
      expect(compare(token.bytes)).toBe(true)
    }
  })

  it('are read as an independent decoder reads those of the vectors, with all options', async () => {
    const tokens = new Map<string, Uint8Array>()
    for (const { container } of [...readVectors('valid.json'), ...readVectors('hostile.json')]) {
      for (const bytes of await tokensOf(containerOf(container))) tokens.set(encodeBase64(bytes), bytes)
    }
    let count = 0
    for (const [index, bytes] of [...tokens.values()].entries()) {
      for (const settings of index % 8 === 0 ? variants : [standard]) count += compare(bytes, settings) ? 1 : 0
    }
    expect(tokens.size).toBeGreaterThan(500)
    expect(count).toBeGreaterThan(300)
  })

  it('are read so when their fields have any value', () => {
    let count = 0
    for (const { bytes } of [invocation, unlimited, ...proofs]) {
      const payload = payloadOf(bytes)
      for (const tag of tags) {
        for (const name of names) {
          const { [name]: _, ...without } = payload
          for (const value of values) {
            for (const settings of [standard, variants[2] as VerificationSettings]) {
              count += compare(envelopeOf(tag, { ...payload, [name]: value }), settings) ? 1 : 0
            }
          }
          count += compare(envelopeOf(tag, without)) ? 1 : 0
        }
        for (const h of ['ES256', 'ES256K'] as const) compare(envelopeOf(tag, payload, varsigHeader(h)))
      }
    }
    expect(count).toBeGreaterThan(100)
  })

  it('are read so when bytes are changed, cut off or put in', () => {
    const random = randomOf(41)
    let count = 0
    for (const { bytes } of [invocation, selfAddressed, ...proofs]) {
      for (let at = 0; at < bytes.length; at += step) {
        for (const bit of [1, 0x20, 0x80]) {
          count += compare(bytes.map((byte, index) => (index === at ? byte ^ bit : byte))) ? 1 : 0
        }
        compare(bytes.subarray(0, at))
        compare(bytes.subarray(at))
        for (const byte of [0, 0x20, 0x61, 0xff]) {
          compare(concatBytes([bytes.subarray(0, at), Uint8Array.of(byte), bytes.subarray(at)]))
        }
        compare(concatBytes([bytes.subarray(0, at), bytes.subarray(at + 1)]))
      }
      for (let i = 0; i < 1_000 / step; i++) count += compare(mutateBytes(bytes, random)) ? 1 : 0
    }
    // A changed signature, nonce or proof can be read.
    expect(count).toBeGreaterThan(100 / step)
  })
})

describe('containers', () => {
  /** The tokens by the general decoder, or undefined when it refuses. */
  function decoded(container: Uint8Array, limits = defaultBounds): readonly Uint8Array[] | undefined {
    const { containerBytes: bytes, tokenBytes: stringBytes, tokens } = limits
    try {
      const map = decodeCbor(container.subarray(1), { bytes, depth: 2, items: tokens + 3, stringBytes })
      const list = isMap(map) && Object.keys(map).join() === 'ctn-v1' ? map['ctn-v1'] : undefined
      return list !== undefined && isList(list) && list.every(isBytes) ? list : undefined
    } catch (error) {
      if (error instanceof MalformedError) return undefined
      throw error
    }
  }

  function split(container: Uint8Array, limits = defaultBounds): readonly Uint8Array[] | undefined {
    try {
      return splitContainer(container, limits) as readonly Uint8Array[]
    } catch (error) {
      if (error instanceof MalformedError) return undefined
      throw error
    }
  }

  const latin1 = (tokens: readonly Uint8Array[] | undefined) =>
    tokens?.map((token) => Buffer.from(token).toString('latin1')).join('|')

  const sizes = [0, 23, 24, 255, 256, 300, 65_535, 65_536]
  const containers = [
    encodeContainerBytes([invocation, ...proofs]),
    ...sizes.map((length) => encodeContainerBytes([{ bytes: new Uint8Array(length) }])),
    ...[22, 23, 24, 63, 64, 65].map((count) =>
      encodeContainerBytes(Array.from({ length: count }, (_, i) => ({ bytes: new Uint8Array(30).fill(i) }))),
    ),
  ]

  it('are split as the decoder reads them', () => {
    for (const container of containers) {
      for (const limits of [
        defaultBounds,
        { ...defaultBounds, tokenBytes: 256 },
        { ...defaultBounds, tokens: 23 },
        { ...defaultBounds, containerBytes: 400 },
      ]) {
        expect(latin1(split(container, limits))).toBe(latin1(decoded(container, limits)))
      }
    }
  })

  it('are split as the decoder reads them when bytes are changed, cut off or put in', () => {
    const random = randomOf(42)
    let count = 0
    for (const container of containers.filter(({ length }) => length < 3_000)) {
      for (let i = 0; i < 150 / step; i++) {
        const changed = concatBytes([container.subarray(0, 1), mutateBytes(container.subarray(1), random)])
        const tokens = split(changed)
        expect(latin1(tokens)).toBe(latin1(decoded(changed)))
        count += tokens === undefined ? 0 : 1
      }
    }
    expect(count).toBeGreaterThan(20 / step)
  })
})

async function tokensOf(container: string | Uint8Array): Promise<readonly Uint8Array[]> {
  try {
    return await splitContainer(container)
  } catch (error) {
    if (error instanceof MalformedError) return []
    throw error
  }
}
