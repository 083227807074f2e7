/**
 * Properties of authorization, for a number of runs: few in `npm test`, many in `npm run test:long`.
 *
 * @module
 */
import * as dagCbor from '@ipld/dag-cbor'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Authorization } from '../../src/core/authorization/authorization.ts'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { Decision } from '../../src/core/authorization/decision.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { backend as noble } from '../../src/core/principal/backend/noble.ts'
import { backend as node } from '../../src/core/principal/backend/node.ts'
import { backend as web } from '../../src/core/principal/backend/web.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { RevocationRecord } from '../../src/core/revocation/revocation-store.ts'
import { never } from '../../src/time.ts'
import { cidOf, type Reason, type ReferenceQuestion, referenceAuthorize } from '../reference/chain.ts'
import { writeContainer } from '../reference/writer.ts'
import { cast, now, unrelatedToken } from './cast.ts'
import { askLibrary, expectSameDecision, optionsOf } from './chain-differential.ts'
import { faultKinds } from './faults.ts'
import type { Runs } from './runs.ts'
import { buildScenario } from './scenario.ts'
import { goodScenarios, narrowedScenarios, scenarios, scenariosWithOnly } from './scenario-arbitrary.ts'

/** The library and the reference decide alike. */
export function chainDifferential({ numRuns, seed, title }: Runs): void {
  it(`P1 chains: library and reference agree (${title})`, async () => {
    const seen = new Map<Reason | 'allowed', number>()
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const reasons = await expectSameDecision(buildScenario(scenario), scenario)
        const found = reasons.size === 0 ? (['allowed'] as const) : reasons
        for (const reason of found) seen.set(reason, (seen.get(reason) ?? 0) + 1)
      }),
      { numRuns, seed },
    )
    // The agreement is worth something only when there was much to disagree about.
    expect(seen.get('allowed') ?? 0).toBeGreaterThan(numRuns / 5)
    expect(seen.size).toBeGreaterThan(Math.min(18, numRuns / 6))
  })
}

/** The library and the reference decide alike about each thing that can be wrong, when it is the only one. */
export function faultDifferential({ numRuns, seed, title }: Runs): void {
  it(`P1 chains: library and reference agree on each of ${faultKinds.length} faults alone (${title} each)`, async () => {
    for (const [place, kind] of faultKinds.entries()) {
      await fc.assert(
        fc.asyncProperty(scenariosWithOnly(kind), async (scenario) => {
          await expectSameDecision(buildScenario(scenario), scenario)
        }),
        // Not the same draws for all of them.
        { numRuns, seed: seed + place },
      )
    }
  })
}

/** One more delegation never makes more allowed: what the whole chain may do, each part of it from the root may. */
export function chainMonotone({ numRuns, seed, title }: Runs): void {
  it(`P2 chains: what a longer chain may do, the shorter may [attack 7] (${title})`, async () => {
    let steps = 0
    await fc.assert(
      fc.asyncProperty(narrowedScenarios, async (scenario) => {
        let longerAllows = false
        for (let use = scenario.links.length; use >= 1; use--) {
          const { allowed } = await askLibrary(buildScenario(scenario, use))
          if (longerAllows) {
            steps += 1
            expect(allowed, `${use} of ${scenario.links.length}`).toBe(true)
          }
          longerAllows = allowed
        }
      }),
      { numRuns, seed },
    )
    expect(steps).toBeGreaterThan(numRuns / 4)
  })
}

/** A revocation more never allows more, and the order in which revocations come is nothing to the answer. */
export function revocationMonotone({ numRuns, seed, title }: Runs): void {
  it(`P7 revocation: more of it never allows more, in any order [attack 19] (${title})`, async () => {
    let revoked = 0
    const picks = fc.array(fc.record({ token: fc.nat(20), by: fc.option(fc.nat(8), { nil: undefined }) }), {
      maxLength: 5,
    })
    await fc.assert(
      fc.asyncProperty(goodScenarios, picks, fc.nat(5), async (scenario, entries, fewer) => {
        const question = buildScenario(scenario)
        const records = entries.map(({ token, by }) => recordOf(question, token, by))
        const all = await decideWith(question, records)
        const reversed = await decideWith(question, records.toReversed())
        const some = await decideWith(question, records.slice(0, fewer))
        expect(reversed.allowed).toBe(all.allowed)
        if (all.allowed) expect(some.allowed).toBe(true)
        else revoked += 1
        expect(referenceAuthorize({ ...question, revoked: records }).allowed).toBe(all.allowed)
      }),
      { numRuns, seed },
    )
    expect(revoked).toBeGreaterThan(numRuns / 10)
  })
}

function recordOf({ tokens }: ReferenceQuestion, token: number, by: number | undefined): RevocationRecord {
  const person = by === undefined ? undefined : cast[by]
  const id =
    token % 4 === 0 ? (cast[token % cast.length]?.did ?? '') : cidOf(tokens[token % tokens.length] as Uint8Array)
  return person === undefined || token % 4 === 0
    ? { id }
    : { id, revoker: person.did as NonNullable<RevocationRecord['revoker']> }
}

function decideWith(question: ReferenceQuestion, records: readonly RevocationRecord[]): Promise<Decision> {
  const revocations = memoryRevocationStore()
  for (const { id, ...by } of records) void revocations.add({ ids: [id], expiration: never, ...by })
  return createAuthorizer({ ...optionsOf(question), revocations }).authorize(writeContainer(question.tokens))
}

/** The times at which a chain is allowed are one interval: the bounds of all tokens, each widened once. */
export function timeInterval({ numRuns, seed, title }: Runs): void {
  it(`P9 time: allowed in exactly one interval, widened by the tolerance once [attacks 9-11] (${title})`, async () => {
    await fc.assert(
      fc.asyncProperty(
        goodScenarios,
        fc.constantFrom(0, 1, 60, 300),
        fc.integer({ min: 0, max: 600 }),
        async (scenario, skew, life) => {
          const question = { ...buildScenario(scenario), skew, maxLifetime: life }
          const [first, last] = intervalOf(question)
          const at = async (now: number): Promise<boolean> => (await askLibrary({ ...question, now })).allowed
          expect(await at(first - 1), `before ${first}`).toBe(false)
          expect(await at(last + 1), `after ${last}`).toBe(false)
          if (first > last) return
          for (const now of [first, last, Math.floor((first + last) / 2)]) {
            const decision = await askLibrary({ ...question, now })
            if (!decision.allowed) throw new Error(`${decision.denial.code} at ${now}, from ${first} to ${last}`)
            expect(boundsOf(decision.authorization)).toEqual(boundsOf(usedTokens(question.tokens)))
          }
        },
      ),
      { numRuns, seed },
    )
  })
}

// The time in the evidence is the plain intersection, without the tolerance.
function boundsOf(source: Authorization | readonly Payload[]): readonly unknown[] {
  if (source instanceof Authorization) return [source.notBefore, source.expiration]
  const starts = source.flatMap(({ nbf }) => (nbf === undefined ? [] : [nbf]))
  const ends = source.flatMap(({ exp }) => (exp === null ? [] : [exp]))
  return [starts.length === 0 ? undefined : Math.max(...starts), ends.length === 0 ? never : Math.min(...ends)]
}

function intervalOf({ tokens, skew = 60, maxLifetime = 300 }: ReferenceQuestion): readonly [number, number] {
  let first = Number.NEGATIVE_INFINITY
  let last = Number.POSITIVE_INFINITY
  const used = usedTokens(tokens)
  for (const { nbf, exp, args } of used) {
    if (nbf !== undefined) first = Math.max(first, nbf - skew)
    if (exp !== null) last = Math.min(last, exp + skew)
    if (args !== undefined && exp !== null) first = Math.max(first, exp - Number(maxLifetime) - skew)
  }
  return [first, last]
}

interface Payload {
  readonly nbf?: number
  readonly exp: number | null
  readonly args?: unknown
  readonly cmd: string
}

function usedTokens(tokens: readonly Uint8Array[]): readonly Payload[] {
  const payloads = tokens.map((bytes) => {
    const [, signed] = dagCbor.decode<[unknown, { [tag: string]: Payload }]>(bytes)
    return signed['ucan/dlg@1.0.0'] ?? signed['ucan/inv@1.0.0']
  })
  return payloads.filter((payload): payload is Payload => payload !== undefined && payload.cmd !== '/other')
}

/** Irrelevant circumstances have no effect: order, other tokens, earlier decisions, and the back end. */
export function verdictIndependence({ numRuns, seed, title }: Runs): void {
  it(`P10 verdict: independent of order, company, memory and back end (${title})`, async () => {
    await fc.assert(
      fc.asyncProperty(scenarios, fc.nat(20), async (scenario, extra) => {
        const question = buildScenario(scenario)
        const plain = await askLibrary(question)
        const { tokens } = question
        const others = [
          await askLibrary({ ...question, tokens: tokens.toReversed() }),
          // Beyond the limit of tokens, company does matter.
          tokens.length < 64
            ? await askLibrary({ ...question, tokens: [unrelatedToken(200 + extra), ...tokens] })
            : plain,
          await decideWarm(question),
          ...(await Promise.all(
            [node, web, noble].map((backend) =>
              createAuthorizer({ ...optionsOf(question), backend }).authorize(writeContainer(tokens)),
            ),
          )),
        ]
        const one = referenceAuthorize(question).reasons.size <= 1
        for (const other of others) {
          expect(other.allowed).toBe(plain.allowed)
          // With several reasons, which is met first may depend on the order.
          if (one && !other.allowed && !plain.allowed) expect(other.denial.code).toBe(plain.denial.code)
        }
      }),
      { numRuns, seed },
    )
  })
}

// The same authorizer asked before, about the same call and about a call with the proofs in other company.
async function decideWarm(question: ReferenceQuestion): Promise<Decision> {
  const authorizer = createAuthorizer({ ...optionsOf(question), replay: { claim: () => true } })
  await authorizer.authorize(writeContainer(question.tokens))
  await authorizer.authorize(writeContainer([...question.tokens, unrelatedToken(1)]))
  const warm = await authorizer.authorize(writeContainer(question.tokens))
  // Only what was seen before is left out of the store above; it is asked of a fresh one.
  const replayed = referenceAuthorize(question).reasons.has('replayed')
  return warm.allowed && replayed ? askLibrary(question) : warm
}

/** A service with thousands of earlier decisions decides like a new one. */
export function longLivedService({ numRuns, seed, title }: Runs): void {
  it(`P10 verdict: the same from a service that is new and from one that has seen much (${title})`, async () => {
    let question: ReferenceQuestion | undefined
    const options = (): AuthorizeOptions => ({
      ...optionsOf({ tokens: [], audience: cast[2]?.did ?? '', subjects: 'any', commands: 'any', now }),
      revocations: {
        findRevocations: (ids, call) => optionsOf(question as ReferenceQuestion).revocations.findRevocations(ids, call),
      },
      replay: {
        claim: (key, expiration, call) => optionsOf(question as ReferenceQuestion).replay.claim(key, expiration, call),
      },
    })
    const veterans = [createAuthorizer(options()), createAuthorizer({ ...options(), maxCachedDelegations: 4 })]
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        question = buildScenario({ ...scenario, executor: 2 })
        const container = writeContainer(question.tokens)
        const fresh = await createAuthorizer(options()).authorize(container)
        for (const veteran of veterans) {
          for (const again of [1, 2]) {
            const decision = await veteran.authorize(container)
            expect(codeOf(decision), `time ${again}`).toBe(codeOf(fresh))
          }
        }
      }),
      { numRuns, seed },
    )
  })
}

function codeOf(decision: Decision): string {
  return decision.allowed ? 'allowed' : decision.denial.code
}
