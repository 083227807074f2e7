/**
 * Properties of bytes: what is changed, added or made up is refused, at once and with a reason.
 *
 * @module
 */
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { expect, it } from 'vitest'
import { type Authorizer, createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { DenialCode } from '../../src/core/authorization/denial.ts'
import { openContainer } from '../../src/core/authorization/open-container.ts'
import { encodeContainerBytes } from '../../src/core/container/container.ts'
import { decodeDelegation } from '../../src/core/delegation/decode-delegation.ts'
import { decodeInvocation } from '../../src/core/invocation/decode-invocation.ts'
import { decodeCbor } from '../../src/core/ipld/decode.ts'
import { encodeCbor } from '../../src/core/ipld/encode.ts'
import type { CryptoBackend } from '../../src/core/principal/backend/backend.ts'
import { backend as node } from '../../src/core/principal/backend/node.ts'
import { MalformedError } from '../../src/errors.ts'
import { decodeStrict, encodeCanonical, Raw } from '../reference/cbor.ts'
import { cidOf, type ReferenceQuestion } from '../reference/chain.ts'
import { sameValue } from '../reference/policy.ts'
import { writeContainer, writeToken } from '../reference/writer.ts'
import { cast, now } from './cast.ts'
import { optionsOf } from './chain-differential.ts'
import { hostileContainers } from './hostile-bytes.ts'
import { values } from './ipld-arbitrary.ts'
import { inCi, type Runs } from './runs.ts'
import { buildScenario, type LinkPlan, type Scenario } from './scenario.ts'
import { goodScenarios } from './scenario-arbitrary.ts'
import { withCids } from './with-cids.ts'

const plainLink: LinkPlan = {
  cut: 1,
  policy: [['==', '.a', 1]],
  exp: now + 600,
  nbf: undefined,
  powerline: false,
  meta: { note: 'x' },
  nonceBytes: 12,
}

/** A call with three delegations, by the keys at these places of the cast. */
export function plainCall(holders: readonly number[]): ReferenceQuestion {
  const scenario: Scenario = {
    holders,
    links: holders.slice(1).map((_, at) => ({ ...plainLink, powerline: at === 1 })),
    executor: 4,
    args: { a: 1, b: ['text', new Uint8Array(3)] },
    exp: now + 60,
    faults: [],
    shuffle: 3,
    unrelated: 0,
  }
  return buildScenario(scenario)
}

/** Every bit of a container counts. */
export function bitFlips(name: string, holders: readonly number[]): void {
  const which = inCi ? 'each single bit' : 'one bit of each byte'
  it(`P5 bytes: ${which} of a container with 3 delegations matters, ${name} [attack 39]`, () => {
    const question = plainCall(holders)
    const container = writeContainer(question.tokens)
    const options = { ...optionsOf(question), replay: { claim: () => true } }
    // One that has never seen the proofs, and one that has verified them: what is remembered must not vouch for more.
    const fresh = createAuthorizer({ ...options, maxCachedDelegations: 0 })
    const warm = createAuthorizer(options)
    for (const authorizer of [fresh, warm]) {
      expect(authorizer.authorizeSync(container).allowed).toBe(true)
      expect(acceptedFlips(container, authorizer)).toEqual([])
      expect(authorizer.authorizeSync(container).allowed).toBe(true)
    }
  })
}

function acceptedFlips(container: Uint8Array, authorizer: Authorizer): readonly number[] {
  const accepted: number[] = []
  // Nine bits ahead is the next bit of the next byte.
  for (let bit = 0; bit < container.length * 8; bit += inCi ? 1 : 9) {
    const flipped = container.slice()
    flipped[bit >> 3] = (container[bit >> 3] as number) ^ (1 << (bit & 7))
    if (authorizer.authorizeSync(flipped).allowed) accepted.push(bit)
  }
  return accepted
}

/** A value that was read is written as the same bytes. */
export function roundTrips({ numRuns, seed, title }: Runs): void {
  it(`P4 bytes: a decoded value is encoded into the same bytes (${title})`, async () => {
    await fc.assert(
      fc.asyncProperty(goodScenarios, values, async (scenario, value) => {
        const { tokens } = buildScenario(scenario)
        const { delegations, invocations } = await openContainer(writeContainer(tokens))
        const read = [...delegations, ...invocations]
        expect(read.map(({ bytes }) => hexOf(bytes)).sort()).toEqual(tokens.map(hexOf).sort())
        for (const { bytes, cid } of read) expect(cid.toString()).toBe(cidOf(bytes))
        for (const { bytes } of delegations) expect((await decodeDelegation(bytes)).cid.toString()).toBe(cidOf(bytes))
        for (const { bytes } of invocations) expect((await decodeInvocation(bytes)).cid.toString()).toBe(cidOf(bytes))
        const sorted = tokens.toSorted((a, b) => Buffer.compare(a, b))
        expect(hexOf(encodeContainerBytes(read))).toBe(hexOf(writeContainer(sorted)))

        const written = encodeCbor(value as Parameters<typeof encodeCbor>[0])
        // Negative zero is written as zero, which is the same number.
        expect(sameValue(withCids(decodeCbor(written)), value)).toBe(true)
        expect(hexOf(encodeCbor(decodeCbor(written)))).toBe(hexOf(written))
      }),
      { numRuns, seed },
    )
  })
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

const formCodes: readonly DenialCode[] = [
  'malformed',
  'unsupported',
  'too_large',
  'invocation_missing',
  'invocation_ambiguous',
  'proof_missing',
  'chain_too_long',
]

/** Counts what is dear. */
function countingBackend(): {
  readonly backend: CryptoBackend
  readonly count: { verified: number; hashedBytes: number }
} {
  const count = { verified: 0, hashedBytes: 0 }
  const backend: CryptoBackend = {
    name: node.name,
    prepareKey: (key) => node.prepareKey(key),
    sha256: (bytes) => {
      count.hashedBytes += bytes.length
      return node.sha256(bytes)
    },
    verify: (key, signature, message) => {
      count.verified += 1
      return node.verify(key, signature, message)
    },
  }
  return { backend, count }
}

/** For any bytes, the decision is a refusal with a reason, after little work. */
export function anyBytes({ numRuns, seed, title }: Runs): void {
  it(`P11 bytes: any bytes end in a typed refusal, for little work [attacks 33, 34, 87] (${title})`, async () => {
    const question = plainCall([0, 1, 2, 3])
    const good = writeContainer(question.tokens)
    const noise = fc.uint8Array({ maxLength: 65_536, size: 'max' })
    const start = fc.constantFrom(0x40, 0x42, 0x43, 0x44, 0x45, 0x46, 0x4d, 0x4f, 0x50)
    const inputs: fc.Arbitrary<Uint8Array | string> = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(start, noise).map(([first, rest]) => Uint8Array.from([first, ...rest])),
      fc.tuple(start, fc.string({ maxLength: 300 })).map(([first, rest]) => String.fromCharCode(first) + rest),
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map((edits) => {
        const bytes = good.slice()
        for (const [place, byte] of edits) bytes[place] = byte
        return bytes
      }),
      fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 80 }).map((tokens) => writeContainer(tokens)),
      values.map((value) => Uint8Array.from([0x40, ...encodeCanonical({ 'ctn-v1': value })])),
      values.map((value) => writeContainer([encodeCanonical(value)])),
    )
    await fc.assert(
      fc.asyncProperty(inputs, async (input) => {
        if (typeof input !== 'string' && hexOf(input) === hexOf(good)) return
        await expectCheapRefusal(input, question)
      }),
      { numRuns, seed },
    )
  })

  it('P11 bytes: containers made to cost are refused for little work [attacks 25, 33-35, 62, 87]', async () => {
    const question: ReferenceQuestion = { ...plainCall([0, 1, 2, 3]), commands: 'any' }
    for (const { name, container } of hostileContainers()) await expectCheapRefusal(container, question, name)
  })
}

async function expectCheapRefusal(
  input: Uint8Array | string,
  question: ReferenceQuestion,
  name = 'input',
): Promise<void> {
  const { backend, count } = countingBackend()
  let decision: Awaited<ReturnType<Authorizer['authorize']>>
  try {
    decision = await createAuthorizer({ ...optionsOf(question), backend }).authorize(input)
  } catch (error) {
    throw new Error(`${name} was answered with an error`, { cause: error })
  }
  if (decision.allowed) throw new Error(`${name} was accepted`)
  const { code, requirement } = decision.denial
  expect(requirement, name).toMatch(/^[A-Z]{3}-[0-9]{2}$/)
  // The form is checked before any signature, and at most the signatures of the longest chain are verified.
  if (formCodes.includes(code)) expect(count.verified, name).toBe(0)
  expect(count.verified, name).toBeLessThanOrEqual(17)
  // Each token once, and the ECDSA twin of it once more; the signed part of the call for replay.
  expect(count.hashedBytes, name).toBeLessThanOrEqual(3 * 262_144)
}

/** A key that is not known, anywhere, is a refusal. */
export function unknownFields({ numRuns, seed, title }: Runs): void {
  it(`P17 bytes: a field that is not known is refused at every level, though it is signed [attack 27] (${title})`, async () => {
    const names = fc.oneof(
      fc.constantFrom(
        '',
        'longer than any tag is',
        'x',
        'fct',
        'att',
        'can',
        'constructor',
        'toString',
        'Exp',
        'exp ',
        'nonces',
      ),
      fc.string({ maxLength: 6 }),
    )
    await fc.assert(
      fc.asyncProperty(names.filter(isUnknown), values, async (name, value) => {
        for (const level of [
          'delegation',
          'delegation envelope',
          'invocation',
          'invocation envelope',
          'container',
          'list',
        ]) {
          const question = withField(level, name, value)
          const decision = await createAuthorizer(optionsOf(question.question)).authorize(question.container)
          expect(decision.allowed, level).toBe(false)
          if (!decision.allowed)
            expect(['malformed', 'unsupported', 'too_large'], level).toContain(decision.denial.code)
        }
        const untouched = withField('none', name, value)
        expect((await createAuthorizer(optionsOf(untouched.question)).authorize(untouched.container)).allowed).toBe(
          true,
        )
      }),
      { numRuns, seed },
    )
  })
}

const knownNames = [
  'iss',
  'aud',
  'sub',
  'cmd',
  'pol',
  'args',
  'prf',
  'nonce',
  'exp',
  'nbf',
  'iat',
  'cause',
  'meta',
  'h',
  'ctn-v1',
  '__proto__',
]

function isUnknown(name: string): boolean {
  return !knownNames.includes(name)
}

function withField(
  level: string,
  name: string,
  value: unknown,
): { question: ReferenceQuestion; container: Uint8Array } {
  const [subject, agent] = cast as readonly [(typeof cast)[number], (typeof cast)[number]]
  const extra = (wanted: string): { [key: string]: unknown } => (level === wanted ? { [name]: value } : {})
  const proof = writeToken({
    tag: 'ucan/dlg@1.0.0',
    signer: subject,
    fields: {
      iss: subject.did,
      aud: agent.did,
      sub: subject.did,
      cmd: '/a',
      pol: [],
      nonce: new Uint8Array(12),
      exp: null,
      ...extra('delegation'),
    },
    beside: extra('delegation envelope'),
  })
  const call = writeToken({
    tag: 'ucan/inv@1.0.0',
    signer: agent,
    fields: {
      iss: agent.did,
      sub: subject.did,
      cmd: '/a',
      args: {},
      prf: [CID.parse(cidOf(proof))],
      nonce: new Uint8Array(12),
      exp: now + 60,
      ...extra('invocation'),
    },
    beside: extra('invocation envelope'),
  })
  const tokens = level === 'list' ? [call, proof, value instanceof Uint8Array ? 1 : value] : [call, proof]
  const container = Uint8Array.from([0x40, ...encodeCanonical({ 'ctn-v1': tokens, ...extra('container') })])
  return {
    question: { tokens: [call, proof], audience: subject.did, subjects: 'any', commands: 'any', now },
    container,
  }
}

/** The strict scanner takes what a round trip through another codec gives back unchanged, and gives the same value. */
export function scannerDifferential({ numRuns, seed, title }: Runs): void {
  it(`P18 bytes: the strict scanner agrees with a round trip through another codec [attacks 28-32] (${title})`, () => {
    const edit = fc.record({
      at: fc.nat(400),
      kind: fc.nat(3),
      byte: fc.oneof(
        fc.nat(255),
        fc.constantFrom(
          0,
          0x18,
          0x19,
          0x1b,
          0x42,
          0x5f,
          0x60,
          0x81,
          0xa1,
          0xd8,
          0xf4,
          0xf6,
          0xf7,
          0xf9,
          0xfa,
          0xfb,
          0xff,
        ),
      ),
    })
    let taken = 0
    const written = fc.oneof(
      { weight: 20, arbitrary: values.map(encodeCanonical) },
      // A key that no object of ours can have.
      {
        weight: 1,
        arbitrary: values.map((value) => encodeCanonical([new Raw('a1695f5f70726f746f5f5f'), value]).slice(1)),
      },
    )
    fc.assert(
      fc.property(written, fc.array(edit, { maxLength: 3 }), (good, edits) => {
        const bytes = edits.reduce((before, { at, kind, byte }) => {
          const place = at % (before.length + 1)
          return Uint8Array.from([
            ...before.slice(0, place),
            ...(kind === 0 ? [] : [byte]),
            ...before.slice(kind === 1 ? place : place + 1),
          ])
        }, good)
        const reference = decodeStrict(bytes)
        let library: { readonly value: unknown } | undefined
        try {
          library = { value: decodeCbor(bytes) }
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error
        }
        expect(library === undefined, hexOf(bytes)).toBe(reference === undefined)
        if (library === undefined || reference === undefined) return
        taken += 1
        expect(sameValue(withCids(library.value), reference.value), hexOf(bytes)).toBe(true)
        if (reference.wholeFloats.length === 0) {
          expect(hexOf(encodeCbor(library.value as Parameters<typeof encodeCbor>[0]))).toBe(hexOf(bytes))
        }
      }),
      { numRuns, seed },
    )
    expect(taken).toBeGreaterThan(numRuns / 5)
  })
}
