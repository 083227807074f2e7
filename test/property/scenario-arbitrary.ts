/**
 * Random scenarios: chains that are good, and chains with one to three things wrong with them.
 *
 * @module
 */
import fc from 'fast-check'
import { evaluatePolicy } from '../reference/policy.ts'
import { cast, now } from './cast.ts'
import { type Fault, faultKinds } from './faults.ts'
import { argumentMaps, values } from './ipld-arbitrary.ts'
import { statementPlans } from './policy-arbitrary.ts'
import type { LinkPlan, Scenario } from './scenario.ts'

const places = fc.nat(cast.length - 1)

const linkDrafts: fc.Arbitrary<LinkDraft> = fc.record({
  cut: fc.constantFrom(0, 0, 0, 1, 1, 2),
  statements: fc.array(statementPlans, { maxLength: 2 }),
  exp: fc.oneof(
    fc.constant(null),
    fc.integer({ min: -60, max: 100_000 }).map((life) => now + life),
  ),
  nbf: fc.option(
    fc.integer({ min: -100_000, max: 60 }).map((wait) => now + wait),
    { nil: undefined },
  ),
  powerline: fc.boolean(),
  meta: fc.option(fc.dictionary(fc.constantFrom('note', 'to'), values, { minKeys: 1, noNullPrototype: true }), {
    nil: undefined,
    freq: 2,
  }),
  nonceBytes: fc.constantFrom(12, 12, 16, 64, 0),
})

interface FaultPlan {
  readonly kind: string
  readonly at: number
  readonly pick: number
  readonly statement: (value: unknown) => readonly unknown[]
  readonly args: { readonly [key: string]: unknown }
}

// Faults of form end the matter at once, so they come more rarely than those that a rule has to find.
const formFaults = faultKinds.filter((kind) =>
  /^(bad|odd|wrong|missing|extra|beside|header|flip|short|trailing|no|garbage)/.test(kind),
)
const ruleFaults = faultKinds.filter((kind) => !formFaults.includes(kind))

const faultPlans: fc.Arbitrary<FaultPlan> = fc.record({
  kind: fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...formFaults) },
    { weight: 4, arbitrary: fc.constantFrom(...ruleFaults) },
  ),
  at: fc.nat(40),
  pick: fc.nat(10_000),
  statement: statementPlans,
  args: argumentMaps,
})

function concrete({ kind, at, pick, statement, args }: FaultPlan, signedArgs: unknown): Fault {
  if (kind === 'policy') return { kind, at, pick, value: statement(signedArgs) }
  return kind === 'args' ? { kind, at, pick, value: args } : { kind, at, pick }
}

// Mostly short; now and then about as long as is allowed.
function chainsUpTo(most: number): fc.Arbitrary<readonly LinkDraft[]> {
  return fc.oneof(
    { weight: 20, arbitrary: fc.array(linkDrafts, { maxLength: 4, size: 'max' }) },
    { weight: 6, arbitrary: fc.array(linkDrafts, { minLength: 5, maxLength: 8, size: 'max' }) },
    { weight: 1, arbitrary: fc.array(linkDrafts, { minLength: 15, maxLength: most, size: 'max' }) },
  )
}

function scenariosWith(
  faultLists: fc.Arbitrary<readonly FaultPlan[]>,
  delegations: fc.Arbitrary<readonly LinkDraft[]> = chainsUpTo(16),
): fc.Arbitrary<Scenario> {
  return fc
    .record({
      holders: fc.array(places, { minLength: 19, maxLength: 19 }),
      links: delegations,
      executor: fc.option(places, { nil: undefined }),
      args: argumentMaps,
      exp: fc.integer({ min: -60, max: 360 }).map((life) => now + life),
      faults: faultLists,
      shuffle: fc.nat(100),
      unrelated: fc.constantFrom(0, 0, 0, 1, 2),
    })
    .map(({ holders, links, faults, ...rest }) => ({
      ...rest,
      holders: holders.slice(0, links.length + 1),
      faults: faults.map((plan) => concrete(plan, rest.args)),
      links: links.map((draft) => planLink(draft, rest.args)),
    }))
}

interface LinkDraft extends Omit<LinkPlan, 'policy'> {
  readonly statements: readonly ((value: unknown) => readonly unknown[])[]
}

// A good delegation permits the call, so statements that do not are left out.
function planLink({ statements, ...link }: LinkDraft, args: unknown): LinkPlan {
  const policy = statements.map((plan) => plan(args))
  return { ...link, policy: policy.filter((statement) => evaluatePolicy([statement], args) === true) }
}

/** Scenarios of which about half are right. */
export const scenarios: fc.Arbitrary<Scenario> = scenariosWith(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 7, arbitrary: fc.array(faultPlans, { minLength: 1, maxLength: 3, size: 'max' }) },
  ),
  chainsUpTo(18),
)

/** Short chains with one thing wrong, of the given kind. */
export function scenariosWithOnly(kind: string): fc.Arbitrary<Scenario> {
  const one = faultPlans.map((plan) => [{ ...plan, kind }])
  return scenariosWith(one, fc.array(linkDrafts, { maxLength: 2, size: 'max' }))
}

/** Scenarios that are right. */
export const goodScenarios: fc.Arbitrary<Scenario> = scenariosWith(fc.constant([]))

const narrowing: fc.Arbitrary<FaultPlan> = faultPlans.map((plan) => ({
  ...plan,
  kind: ['policy', 'command', 'expires', 'begins', 'powerline', 'args', 'subject'][plan.pick % 7] as string,
}))

/** Scenarios in which some delegations are narrower than others, or differ from them. */
export const narrowedScenarios: fc.Arbitrary<Scenario> = scenariosWith(fc.array(narrowing, { maxLength: 2 }))
