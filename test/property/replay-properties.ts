/**
 * Properties of "once": however a call is written again, and however many copies arrive at once.
 *
 * @module
 */
import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Authorizer, createAuthorizer } from '../../src/core/authorization/authorize.ts'
import { memoryReplayStore, type ReplayStore } from '../../src/core/authorization/replay-store.ts'
import { StoreFullError } from '../../src/errors.ts'
import { encodeCanonical } from '../reference/cbor.ts'
import { type ReferenceQuestion, replayKey, twinOf } from '../reference/chain.ts'
import { writeContainer } from '../reference/writer.ts'
import { unrelatedToken } from './cast.ts'
import { optionsOf } from './chain-differential.ts'
import type { Runs } from './runs.ts'
import { buildScenario } from './scenario.ts'
import { goodScenarios } from './scenario-arbitrary.ts'

/** After a call was accepted, nothing that can be made of its bytes without a key is accepted again. */
export function rewrittenCalls({ numRuns, seed, title }: Runs): void {
  it(`P6 bytes: no second spelling of an accepted call is accepted [attacks 36, 58] (${title})`, async () => {
    let twins = 0
    const edits = fc.array(fc.record({ at: fc.nat(5_000), kind: fc.nat(3), byte: fc.nat(255) }), {
      minLength: 1,
      maxLength: 3,
    })
    await fc.assert(
      fc.asyncProperty(goodScenarios, fc.array(edits, { maxLength: 20, size: 'max' }), async (scenario, rewrites) => {
        const question = buildScenario(scenario)
        const replay = memoryReplayStore({ clock: { now: () => question.now } })
        const authorizer = createAuthorizer({ ...optionsOf(question), replay })
        const container = writeContainer(question.tokens)
        const first = await authorizer.authorize(container)
        if (!first.allowed) return
        const twin = withTwinCall(question)
        if (twin !== undefined) twins += 1
        const written = [
          ...spellings(question.tokens),
          ...(twin === undefined ? [] : spellings(twin)),
          ...spellings([...question.tokens, unrelatedToken(9)]),
          ...rewrites.map((list) => list.reduce(edited, container)),
        ]
        const forgetful = createAuthorizer({ ...optionsOf(question), replay: { claim: () => true } })
        const strict = spellings(question.tokens)
        for (const text of laxSpellings(question.tokens)) {
          if (!strict.includes(text)) expect((await forgetful.authorize(text)).allowed, text.slice(0, 8)).toBe(false)
        }
        for (const again of written) expect((await authorizer.authorize(again)).allowed).toBe(false)
      }),
      { numRuns, seed },
    )
    expect(twins).toBeGreaterThan(0)
  })
}

/** A store holds as many hashes as it may, and not one more. */
export function fullOfHashes(maxEntries: number): void {
  it(`RPL-03 is refused by a store of ${maxEntries} hashes, which take at most 125 bytes each`, () => {
    setFlagsFromString('--expose-gc')
    const collect: () => void = runInNewContext('gc')
    const used = (): number => {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const store = memoryReplayStore({ maxEntries, clock: { now: () => 1_000 } })
    const claim = (index: number): unknown =>
      store.claim(createHash('sha256').update(`${index}`).digest('base64url'), 1_300, {})
    for (let index = 0; index < 2_000; index++) void claim(index)
    const before = used()
    const lost: number[] = []
    for (let index = 2_000; index < maxEntries; index++) if (claim(index) !== true) lost.push(index)
    expect((used() - before) / maxEntries).toBeLessThan(125)
    expect(() => claim(maxEntries)).toThrow(StoreFullError)
    for (let index = 0; index < maxEntries; index += 7) if (claim(index) !== false) lost.push(index)
    expect(lost).toEqual([])
  })
}

/** Every way to write a container that is read. */
function spellings(tokens: readonly Uint8Array[]): readonly (string | Uint8Array)[] {
  const plain = encodeCanonical({ 'ctn-v1': tokens.toReversed() })
  const small = gzipSync(plain)
  return [
    writeContainer(tokens),
    Uint8Array.from([0x4d, ...small]),
    `B${Buffer.from(plain).toString('base64')}`,
    `C${Buffer.from(plain).toString('base64url')}`,
    `O${small.toString('base64')}`,
    `P${small.toString('base64url')}`,
  ]
}

/** Other texts that lenient decoders read as the same bytes. */
function laxSpellings(tokens: readonly Uint8Array[]): readonly string[] {
  const bytes = encodeCanonical({ 'ctn-v1': tokens.toReversed() })
  const text = Buffer.from(bytes).toString('base64')
  const url = Buffer.from(bytes).toString('base64url')
  return [
    `B${url}`,
    `C${text}`,
    `C${url}=`,
    `C${url}==`,
    `B${text.replaceAll('=', '')}.`,
    `C${url}\n`,
    ` C${url}`,
    `C ${url}`,
    `C${url.slice(0, 8)}\n${url.slice(8)}`,
    `B${text.replace(/[A-Za-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`)}`,
  ]
}

function withTwinCall({ tokens }: ReferenceQuestion): readonly Uint8Array[] | undefined {
  const twins = tokens.map((bytes) => (isCall(bytes) ? twinOf(bytes) : bytes))
  return twins.includes(undefined) ? undefined : (twins as readonly Uint8Array[])
}

function isCall(bytes: Uint8Array): boolean {
  return Buffer.from(bytes).includes('ucan/inv@')
}

function edited(bytes: Uint8Array, { at, kind, byte }: { at: number; kind: number; byte: number }): Uint8Array {
  const place = at % bytes.length
  if (kind === 0) return bytes.map((old, index) => (index === place ? old ^ (1 << (byte % 8)) : old))
  if (kind === 1) return Uint8Array.from([...bytes.slice(0, place), byte, ...bytes.slice(place)])
  if (kind === 2) return Uint8Array.from([...bytes.slice(0, place), ...bytes.slice(place + 1)])
  return Uint8Array.from([...bytes.slice(0, place), ...bytes.slice(place, place + byte), ...bytes.slice(place)])
}

/** Of any number of copies that arrive in any order at services that share a store, one is accepted. */
export function copiedCalls({ numRuns, seed, title }: Runs): void {
  it(`P8 replay: of n copies at k services exactly one is accepted, in every order of events [attack 15] (${title})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        goodScenarios,
        fc.integer({ min: 2, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        fc.scheduler(),
        async (scenario, copies, services, scheduler) => {
          const question = buildScenario(scenario)
          const replay = delayed(memoryReplayStore({ clock: { now: () => question.now } }), scheduler)
          const authorizers = Array.from({ length: services }, () =>
            createAuthorizer({ ...optionsOf(question), replay }),
          )
          const twin = withTwinCall(question) ?? question.tokens
          const waiting = Array.from({ length: copies }, (_, copy) =>
            (authorizers[copy % services] as Authorizer).authorize(
              writeContainer(copy % 2 === 0 ? question.tokens : twin),
            ),
          )
          await scheduler.waitFor(Promise.all(waiting))
          const decisions = await Promise.all(waiting)
          expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(1)
          for (const decision of decisions) if (!decision.allowed) expect(decision.denial.code).toBe('replayed')
        },
      ),
      { numRuns, seed },
    )
  })

  it('P8 replay: of 1,000 copies at once at 4 services exactly one is accepted [attack 15]', async () => {
    const question = buildScenario(
      fc.sample(goodScenarios, { seed, numRuns: 1 })[0] as Parameters<typeof buildScenario>[0],
    )
    const replay = memoryReplayStore({ clock: { now: () => question.now } })
    const authorizers = Array.from({ length: 4 }, () => createAuthorizer({ ...optionsOf(question), replay }))
    const container = writeContainer(question.tokens)
    const decisions = await Promise.all(
      Array.from({ length: 1_000 }, (_, copy) => (authorizers[copy % 4] as Authorizer).authorize(container)),
    )
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(1)
  })
}

// A store on another machine: the scheduler decides when each request and each response arrives.
function delayed(store: ReplayStore, scheduler: fc.Scheduler): ReplayStore {
  return {
    claim: async (key, expiration, options) => {
      await scheduler.schedule(Promise.resolve(), 'question')
      const first = await store.claim(key, expiration, options)
      await scheduler.schedule(Promise.resolve(), 'answer')
      return first
    },
  }
}

/** A refused call leaves no trace: the genuine call is accepted afterwards, and no other key was claimed. */
export function refusedCalls({ numRuns, seed, title }: Runs): void {
  it(`P8 replay: what is refused claims nothing [attack 17] (${title})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        goodScenarios,
        fc.array(fc.nat(20_000), { minLength: 1, maxLength: 30, size: 'max' }),
        async (scenario, flips) => {
          // Company is not looked at closely enough for a spoilt bit in it to matter.
          const question = buildScenario({ ...scenario, unrelated: 0 })
          const claims: string[] = []
          const store = memoryReplayStore({ clock: { now: () => question.now } })
          const replay: ReplayStore = {
            claim: (key, expiration, options) => {
              claims.push(key)
              return store.claim(key, expiration, options)
            },
          }
          const authorizer = createAuthorizer({ ...optionsOf(question), replay })
          const container = writeContainer(question.tokens)
          for (const bit of flips) {
            const place = (bit >> 3) % container.length
            const spoilt = container.map((byte, index) => (index === place ? byte ^ (1 << (bit % 8)) : byte))
            expect((await authorizer.authorize(spoilt)).allowed).toBe(false)
          }
          expect(claims).toEqual([])
          const decision = await authorizer.authorize(container)
          const call = question.tokens.find(isCall) as Uint8Array
          if (decision.allowed) expect(claims).toEqual([Buffer.from(replayKey(call), 'hex').toString('base64url')])
        },
      ),
      { numRuns, seed },
    )
  })
}
