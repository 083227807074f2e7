/**
 * The reader of usual tokens and the general reader give the same result: for each token, the first either leaves it to
 * the second, or reads the same of it.
 *
 * @module
 */

import { CID } from 'multiformats/cid'
import { describe, expect, it } from 'vitest'
import { backend } from '#backend'
import { defaultLimits } from '../../../src/bounds.ts'
import type { ReadingSettings } from '../../../src/core/authorization/formats/token-fields.ts'
import { readUsualDelegation, readUsualInvocation } from '../../../src/core/authorization/formats/usual-token.ts'
import { createCaches, type ReadingCaches } from '../../../src/core/authorization/machinery/caches.ts'
import type { PolicyPool } from '../../../src/core/authorization/machinery/policy-pool.ts'
import type { ReadyPolicy } from '../../../src/core/capability/policy/ready-policy.ts'
import { anySubject } from '../../../src/core/capability/subject.ts'
import { encodeContainerBytes, splitContainer } from '../../../src/core/container/container.ts'
import { readDelegationFields } from '../../../src/core/delegation/payload.ts'
import { completeDecoding, isLenient } from '../../../src/core/envelope/complete-decoding.ts'
import { type DecodeOptions, fieldBytes, openEnvelope } from '../../../src/core/envelope/open.ts'
import { varsigHeader } from '../../../src/core/envelope/varsig.ts'
import { readInvocationPayload } from '../../../src/core/invocation/payload.ts'
import { taskBytes } from '../../../src/core/invocation/task.ts'
import { encodeBase64 } from '../../../src/core/ipld/base.ts'
import { bytesEqual, concatBytes } from '../../../src/core/ipld/bytes.ts'
import { cidOf, readCid } from '../../../src/core/ipld/cid.ts'
import { decodeCbor } from '../../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../../src/core/ipld/encode.ts'
import { type IpldMap, type IpldValue, isBytes, isCid, isList, isMap } from '../../../src/core/ipld/value.ts'
import { MalformedError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { mutateBytes } from '../../fuzz/mutate.ts'
import { randomOf } from '../../fuzz/random.ts'
import { inCi } from '../../property/runs.ts'
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

/** Options as the readers need them. */
function reading(options: DecodeOptions): ReadingSettings {
  return { ...completeDecoding(options), backend }
}

const standard = reading({})
const variants: readonly ReadingSettings[] = [
  standard,
  reading({ accept: ['1.0.0-rc.1'] }),
  reading({ accept: ['1.0.0', '1.0.0-rc.1'], acceptRedundantFields: true }),
  reading({ limits: { depth: 3 } }),
  reading({ limits: { depth: 4 } }),
  reading({ limits: { depth: 5 } }),
  reading({ limits: { items: 20 } }),
  reading({ limits: { tokenBytes: 300 } }),
]

/** One for all tokens, as in a service: what one token leaves in it must not change how another is read. */
const caches: ReadingCaches = { ...createCaches(0), policies: rememberingPool() }

/** Gives one object for the same bytes and the same value, however long they are. */
function rememberingPool(): PolicyPool {
  const { policies } = createCaches(0)
  const known = new Map<string, ReadyPolicy>()
  return {
    compile(bytes, value) {
      const compiled = policies.compile(bytes, value)
      const text = `${encodeBase64(bytes)} ${encodeBase64(encodeCbor(value as IpldValue))}`
      if (!known.has(text)) known.set(text, compiled)
      return known.get(text) as ReadyPolicy
    },
  }
}

/** The result of the general reader, or undefined when it refuses. */
function generally(bytes: Uint8Array, settings: ReadingSettings) {
  try {
    const envelope = openEnvelope(bytes, settings.limits, settings.accept)
    const lenient = isLenient(envelope, settings)
    const fields =
      envelope.tag.kind === 'invocation'
        ? readInvocationPayload(envelope.payload, lenient)
        : readDelegationFields(envelope.payload, lenient, caches, (policy) =>
            caches.policies.compile(fieldBytes(envelope, 'pol'), policy),
          )
    return { envelope, fields }
  } catch (error) {
    if (error instanceof MalformedError) return undefined
    throw error
  }
}

/** Compares the two readers. Returns whether the reader of usual tokens read this one. */
function compare(bytes: Uint8Array, settings: ReadingSettings = standard): boolean {
  const usualCall = readUsualInvocation(bytes, settings, caches)
  const usualDelegation = readUsualDelegation(bytes, settings, caches)
  const usual = usualCall ?? usualDelegation
  if (usual === undefined) return false
  const general = generally(bytes, settings)
  if (general === undefined) throw new Error('the reader of usual tokens read what the general reader refuses')
  const { envelope } = general
  expect(envelope.tag.kind).toBe(usualCall === undefined ? 'delegation' : 'invocation')
  expect(usual.envelope.algorithm).toBe(envelope.algorithm)
  expect(bytesEqual(usual.envelope.signature, envelope.signature)).toBe(true)
  expect(bytesEqual(usual.envelope.signed, envelope.signed)).toBe(true)
  expect(textOf(usual.fields)).toBe(textOf(general.fields))
  if (usualDelegation !== undefined) {
    expect(usualDelegation.fields.policy).toBe((general.fields as { policy: unknown }).policy)
  }
  if (usualCall !== undefined) {
    expect(bytesEqual(usualCall.task(), taskBytes(envelope))).toBe(true)
    expect(String(usualCall.cid)).toBe(String(cidOf(backend.sha256(bytes) as Uint8Array)))
    expectFrozen(usualCall.fields.args)
  }
  return true
}

/** The fields as one text, without the nonce and the notes of a delegation, which a chain does not need. */
function textOf(fields: object): string {
  const { meta, nonce, policy, args, proofs, ...rest } = fields as Record<string, IpldValue>
  const shared = Object.entries(rest)
    .map(([name, value]) => `${name} ${String(value)}`)
    .sort()
  if (policy !== undefined) return shared.join('\n')
  return [...shared, `${meta}`, `${nonce}`, `${proofs}`, encodeBase64(encodeCbor(args as IpldValue))].join('\n')
}

function expectFrozen(value: IpldValue): void {
  if (typeof value !== 'object' || value === null || isBytes(value)) return
  expect(Object.isFrozen(value)).toBe(true)
  if (isCid(value)) return
  if (isMap(value)) expect(Object.getPrototypeOf(value)).toBe(null)
  for (const inner of isList(value) ? value : Object.values(value as IpldMap)) expectFrozen(inner)
}

/** An envelope over any payload, which need not be valid. */
function envelopeOf(tag: string, payload: IpldValue, h: Uint8Array = varsigHeader('Ed25519')): Uint8Array {
  return encodeCbor([new Uint8Array(64).fill(7), { h, [tag]: payload }])
}

/** The payload of a token, to change it. */
function payloadOf(bytes: Uint8Array): { [name: string]: IpldValue } {
  return { ...openEnvelope(bytes).payload }
}

/** Values that a field may or may not have. */
/** Every position of a token, or one of this many. */
const step = inCi ? 1 : 5

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

describe('tokens of the usual form', () => {
  it('are those that this library writes with Ed25519', async () => {
    for (const token of [...proofs, unlimited, invocation, selfAddressed]) {
      expect(compare(token.bytes)).toBe(true)
    }
    expect(compare((await delegateRaw(owner256, bob)).bytes)).toBe(false)
  })

  it('are read like all tokens of the vectors, with all options', async () => {
    const tokens = new Map<string, Uint8Array>()
    for (const { container } of [...readVectors('valid.json'), ...readVectors('hostile.json')]) {
      for (const bytes of await tokensOf(containerOf(container))) tokens.set(encodeBase64(bytes), bytes)
    }
    let usual = 0
    for (const [index, bytes] of [...tokens.values()].entries()) {
      for (const settings of index % 8 === 0 ? variants : [standard]) usual += compare(bytes, settings) ? 1 : 0
    }
    expect(tokens.size).toBeGreaterThan(500)
    expect(usual).toBeGreaterThan(300)
  })

  it('are read like all tokens when their fields have any value', () => {
    let usual = 0
    for (const { bytes } of [invocation, unlimited, ...proofs]) {
      const payload = payloadOf(bytes)
      for (const tag of tags) {
        for (const name of names) {
          const { [name]: _, ...without } = payload
          for (const value of values) {
            for (const settings of [standard, variants[2] as ReadingSettings]) {
              usual += compare(envelopeOf(tag, { ...payload, [name]: value }), settings) ? 1 : 0
            }
          }
          usual += compare(envelopeOf(tag, without)) ? 1 : 0
        }
        for (const h of ['ES256', 'ES256K'] as const) compare(envelopeOf(tag, payload, varsigHeader(h)))
      }
    }
    expect(usual).toBeGreaterThan(100)
  })

  it('are read like all tokens when bytes are changed, cut off or put in', () => {
    const random = randomOf(41)
    let usual = 0
    for (const { bytes } of [invocation, selfAddressed, ...proofs]) {
      for (let at = 0; at < bytes.length; at += step) {
        for (const bit of [1, 0x20, 0x80]) {
          usual += compare(bytes.map((byte, index) => (index === at ? byte ^ bit : byte))) ? 1 : 0
        }
        compare(bytes.subarray(0, at))
        compare(bytes.subarray(at))
        for (const byte of [0, 0x20, 0x61, 0xff]) {
          compare(concatBytes([bytes.subarray(0, at), Uint8Array.of(byte), bytes.subarray(at)]))
        }
        compare(concatBytes([bytes.subarray(0, at), bytes.subarray(at + 1)]))
      }
      for (let i = 0; i < 1_000 / step; i++) usual += compare(mutateBytes(bytes, random)) ? 1 : 0
    }
    // A changed signature, nonce or proof is a usual token.
    expect(usual).toBeGreaterThan(100 / step)
  })
})

describe('containers', () => {
  /** The tokens by the general decoder, or undefined when it refuses. */
  function decoded(container: Uint8Array, limits = defaultLimits): readonly Uint8Array[] | undefined {
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

  function split(container: Uint8Array, limits = defaultLimits): readonly Uint8Array[] | undefined {
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
        defaultLimits,
        { ...defaultLimits, tokenBytes: 256 },
        { ...defaultLimits, tokens: 23 },
        { ...defaultLimits, containerBytes: 400 },
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
