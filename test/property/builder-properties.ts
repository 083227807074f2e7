/**
 * Properties of built tokens: the library builds no token that it would refuse, and no token that grants more than its
 * proofs.
 *
 * @module
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { Policy } from '../../src/core/capability/policy/statement.ts'
import { anySubject } from '../../src/core/capability/subject.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { type AttenuateOptions, attenuate } from '../../src/core/delegation/attenuate.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import { importSigner } from '../../src/core/principal/import-signer.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { AttenuationError } from '../../src/errors.ts'
import { never } from '../../src/time.ts'
import { covers, type ReferenceQuestion, referenceAuthorize } from '../reference/chain.ts'
import { evaluatePolicy } from '../reference/policy.ts'
import { cast, now } from './cast.ts'
import { optionsOf } from './chain-differential.ts'
import { argumentMaps } from './ipld-arbitrary.ts'
import { statementPlans } from './policy-arbitrary.ts'
import type { Runs } from './runs.ts'
import { withCids } from './with-cids.ts'

/** One delegation that is asked for. */
interface Wish {
  readonly to: number
  readonly command: string | undefined
  readonly statements: readonly ((value: unknown) => readonly unknown[])[]
  readonly life: number | 'never' | undefined
  readonly nbf: number | undefined
  readonly powerline: boolean
}

const commands = ['/', '/mail', '/mail/send', '/mail/sender', '/mai', '/mail/send/now', '/other']

const wishes: fc.Arbitrary<Wish> = fc.record({
  to: fc.nat(cast.length - 1),
  command: fc.option(fc.constantFrom(...commands), { nil: undefined, freq: 2 }),
  statements: fc.array(statementPlans, { maxLength: 2 }),
  life: fc.option(fc.oneof(fc.integer({ min: 1, max: 7_200 }), fc.constant('never' as const)), { nil: undefined }),
  nbf: fc.option(
    fc.integer({ min: -1_000, max: 0 }).map((wait) => now + wait),
    { nil: undefined },
  ),
  powerline: fc.boolean(),
})

const clock = { now: (): number => now }

async function signers(): Promise<readonly Signer[]> {
  return Promise.all(cast.map(({ secretKey, algorithm }) => importSigner({ seed: secretKey }, { algorithm })))
}

/** A built call is accepted if its policies permit the arguments, and refused by the policy otherwise. */
export function builders({ numRuns, seed, title }: Runs): void {
  it(`P3 builders: what is delegated, attenuated and invoked is accepted, and never wider [attacks 6, 9] (${title})`, async () => {
    const people = await signers()
    const seen = { accepted: 0, refused: 0, notSigned: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.nat(8),
        fc.array(wishes, { minLength: 1, maxLength: 4 }),
        argumentMaps,
        async (first, list, args) => {
          const chain: Delegation[] = []
          let holder = people[first] as Signer
          for (const wish of list) {
            const made = await grant(chain, holder, people[wish.to] as Signer, wish, args)
            if (made === undefined) {
              seen.notSigned += 1
              continue
            }
            chain.push(made)
            holder = people[wish.to] as Signer
          }
          const subject = people[first] as Signer
          const last: string = chain.at(-1)?.command ?? '/mail'
          const call = await invoke({
            issuer: holder,
            subject: subject.did,
            command: last === '/' ? '/mail' : last,
            args: args as IpldMap,
            proofs: chain,
            clock,
          })
          const tokens = [call, ...chain].map(({ bytes }) => bytes)
          const question: ReferenceQuestion = {
            tokens,
            audience: subject.did,
            subjects: [subject.did],
            commands: 'any',
            now,
          }
          const decision = await createAuthorizer(optionsOf(question)).authorize(encodeContainer([call, ...chain]))
          const permitted = chain.every(({ policy }) => evaluatePolicy(withCids(policy), args) === true)
          expect(decision.allowed).toBe(permitted)
          expect(referenceAuthorize(question).allowed).toBe(permitted)
          if (!decision.allowed) expect(decision.denial.code).toBe('policy_unsatisfied')
          seen[permitted ? 'accepted' : 'refused'] += 1
        },
      ),
      { numRuns, seed },
    )
    for (const [name, count] of Object.entries(seen)) expect(count, name).toBeGreaterThan(numRuns / 20)
  })
}

// Builds the delegation, or checks that it was refused as wider than its proofs.
async function grant(
  chain: readonly Delegation[],
  issuer: Signer,
  to: Signer,
  wish: Wish,
  args: unknown,
): Promise<Delegation | undefined> {
  const policy = wish.statements.map((plan) => wellFormed(plan(args))) as unknown as Policy
  const parent = chain.at(-1)
  const common = {
    issuer,
    audience: to.did,
    policy,
    clock,
    ...(wish.nbf === undefined ? {} : { notBefore: wish.nbf }),
    ...(wish.life === undefined ? {} : wish.life === 'never' ? { expiration: never } : { expiresIn: wish.life }),
  } satisfies AttenuateOptions
  if (parent === undefined) return delegate({ ...common, command: wish.command ?? '/mail' })
  if (wish.powerline)
    return delegate({
      ...common,
      subject: anySubject,
      command: wish.command === undefined || !covers(parent.command, wish.command) ? parent.command : wish.command,
    })

  const bound = Math.min(
    ...chain.map(({ expiration }) => (expiration === never ? Number.POSITIVE_INFINITY : expiration)),
  )
  const asked = wish.life === 'never' ? Number.POSITIVE_INFINITY : wish.life === undefined ? 0 : now + wish.life
  const wider = (wish.command !== undefined && !covers(parent.command, wish.command)) || asked > bound
  let made: Delegation
  try {
    made = await attenuate(chain, { ...common, ...(wish.command === undefined ? {} : { command: wish.command }) })
  } catch (error) {
    expect(error).toBeInstanceOf(AttenuationError)
    // A policy can be found wider too; a delegation without a condition cannot.
    expect(wider || policy.length > 0).toBe(true)
    return undefined
  }
  expect(wider).toBe(false)
  expect(covers(parent.command, made.command)).toBe(true)
  expect(made.expiration === never ? Number.POSITIVE_INFINITY : made.expiration).toBeLessThanOrEqual(bound)
  return made
}

// A pattern with half a surrogate pair has no form on the wire.
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return new TextDecoder().decode(new TextEncoder().encode(value))
  return Array.isArray(value) ? value.map(wellFormed) : value
}
