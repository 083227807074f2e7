// node only: compares values
import { posix } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { type IpldMap, type IpldValue, parseDid } from 'procura'
import { compilePolicy, type Policy, parsePolicy, type Statement } from 'procura/policy'
import { expect, it } from 'vitest'
import type { Runs } from '../../../../../test/property/runs.ts'
import { proposeScopes } from '../../../src/cli/approvals/scopes.ts'

const names = ['to', 'path', 'cc', 'amount', 'constructor'] as const
const service = parseDid('did:key:z6MkfWQwPEWRAUPdKvXeczm7afZFq9qV9R425JpoQRDhgSuN')

/** Pieces of addresses, paths and patterns, and characters that other programs read in another way. */
const pieces = [
  '/',
  '/a',
  '/b',
  '/ab',
  '..',
  '.',
  '*',
  '\\',
  '\\*',
  '%2e',
  '\uff0e',
  '\u202e',
  '\n',
  'x@y.z',
  'A',
  '',
  '//',
]
const text = fc.array(fc.constantFrom(...pieces), { maxLength: 6 }).map((some) => some.join(''))
const folder = fc.array(fc.constantFrom('a', 'b', 'ab', 'a*', '*', 'a.b', '..a'), { minLength: 1, maxLength: 4 })
const clean = folder.map((segments) => `/${segments.join('/')}`)
const scalar = fc.oneof(text, clean, fc.integer({ min: -2, max: 2 }), fc.boolean(), fc.constant(null))
const value: fc.Arbitrary<IpldValue> = fc.oneof(
  { weight: 6, arbitrary: scalar as fc.Arbitrary<IpldValue> },
  { weight: 1, arbitrary: fc.array(scalar, { maxLength: 2 }) as fc.Arbitrary<IpldValue> },
  {
    weight: 1,
    arbitrary: fc.dictionary(fc.constantFrom('to', 'path'), scalar, {
      maxKeys: 2,
      noNullPrototype: true,
    }) as fc.Arbitrary<IpldValue>,
  },
)
const args: fc.Arbitrary<IpldMap> = fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: true })

const selector = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...names.map((name) => `.${name}`)) },
  { weight: 1, arbitrary: fc.constantFrom('.to.path', '.to[0]', '.', '["to"]', '.cc?') },
)
const leaf = fc.oneof(
  fc.tuple(fc.constantFrom('==', '!='), selector, value),
  fc.tuple(fc.constantFrom('<', '>='), selector, fc.integer({ min: -2, max: 2 })),
  fc.tuple(
    fc.constant('like'),
    selector,
    fc.oneof(
      text,
      clean.map((one) => `${one}/*`),
    ),
  ),
)
const statement = fc.oneof(
  { weight: 8, arbitrary: leaf },
  { weight: 1, arbitrary: fc.tuple(fc.constant('not'), leaf) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('and', 'or'), fc.array(leaf, { minLength: 1, maxLength: 2 })) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom('all', 'any'), selector, fc.tuple(fc.constant('like'), fc.constant('.'), text)),
  },
  { weight: 1, arbitrary: fc.constant(['limit/uses', 3]) },
)
const policy = fc.array(statement, { maxLength: 3 })

/** A call that is like another one: one argument of it is changed, added or left out. */
function near(given: IpldMap): fc.Arbitrary<IpldMap> {
  const below = text.map((end) => `${posix.dirname(String(given['path']))}${end}`)
  const changed = fc.tuple(fc.constantFrom(...names), fc.oneof(value, below as fc.Arbitrary<IpldValue>))
  return fc.oneof(
    changed.map(([name, next]) => ({ ...given, [name]: next })),
    fc.constantFrom(...names).map((name) => Object.fromEntries(Object.entries(given).filter(([one]) => one !== name))),
    fc.constant(given),
    args,
  )
}

const world = fc.tuple(args, fc.array(policy, { maxLength: 3 })).chain(([given, held]) =>
  fc.record({
    given: fc.constant(given),
    held: fc.constant(held),
    calls: fc.array(near(given), { minLength: 4, maxLength: 8 }),
  }),
)

function permits(of: Policy, call: IpldMap): boolean {
  return compilePolicy(of).evaluate(call) === undefined
}

/** The arguments that a statement is about. */
function selectedBy(one: Statement): readonly string[] {
  const [operator, selector] = one as unknown as readonly [string, unknown]
  if (operator === 'and' || operator === 'or') return (selector as readonly Statement[]).flatMap(selectedBy)
  if (operator === 'not') return selectedBy(selector as Statement)
  return names.filter((name) => new RegExp(`^(?:\\.|\\["?)${name}\\b`).test(String(selector)))
}

/**
 * Whether a call is as narrow as a scope may be: it meets every condition that the delegation of the agent makes and
 * the request has met, and differs from the request only as the scope says.
 */
function isNarrow(place: number, call: IpldMap, given: IpldMap, held: readonly Policy[]): boolean {
  if (place === 0) return isDeepStrictEqual(call, given)
  return held.some((one) => {
    const failed = one.filter((single) => !permits([single], given))
    if (failed.length === 0 || !one.every((single) => failed.includes(single) || permits([single], call))) return false
    const refused = failed.flatMap(selectedBy)
    if (place === 1) return refused.every((name) => isDeepStrictEqual(call[name], given[name]))
    const [from, to] = [given['path'], call['path']]
    return (
      typeof to === 'string' && typeof from === 'string' && posix.normalize(to).startsWith(`${posix.dirname(from)}/`)
    )
  })
}

/** The scopes of an approval permit the request, and no call beyond what their words say. */
export function scopesAreNarrow({ numRuns, seed, title }: Runs): void {
  it(`APR-70 permits the request, and nothing beyond the words (${title})`, () => {
    const seen = [0, 0, 0]
    fc.assert(
      fc.property(world, ({ given, held: raw, calls }) => {
        const held = raw.map((one) => parsePolicy(one as never))
        const scopes = proposeScopes({ args: given, service }, { held, types: { path: 'path' }, end: 'until then' })
        expect(scopes.length).toBeLessThanOrEqual(3)
        for (const [place, scope] of scopes.entries()) {
          expect(permits(scope.policy, given)).toBe(true)
          const limits = scope.policy.filter(([operator]) => operator === 'limit/uses')
          expect(limits).toEqual(place === 0 ? [] : [['limit/uses', 10, service]])
          for (const call of calls.filter((one) => permits(scope.policy, one))) {
            seen[place] = (seen[place] as number) + 1
            expect(isNarrow(place, call, given, held), JSON.stringify([place, call, given, held])).toBe(true)
            // A person has to read that the agent can add arguments.
            if (Object.keys(call).some((name) => !Object.hasOwn(given, name)))
              expect(scope.words).toContain(' and any other arguments')
          }
        }
      }),
      { numRuns, seed },
    )
    // The calls that are tried are not all refused.
    for (const count of seen) expect(count).toBeGreaterThan(numRuns / 1_000)
  })
}
