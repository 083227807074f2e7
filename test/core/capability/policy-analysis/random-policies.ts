/**
 * Random policies, and the calls of a small universe.
 *
 * @module
 */

import fc from 'fast-check'
import type { IpldValue } from '../../../../src/core/ipld/value.ts'

const selectors = fc.constantFrom('.a', '.a', '.a?', '.b', '.a.b', '.a[0]', '.a[1]', '.a?.b?')
const literals = fc.constantFrom<IpldValue[]>(null, true, 0, 1, '', 'x', 'xy', [], [0], ['x', 1], {}, { b: 'x' })
const patterns = fc.string({ unit: fc.constantFrom('x', 'y', '*'), maxLength: 4 })
const operators = fc.constantFrom('<', '<=', '>', '>=')
/** Statements about one place. */
export const simpleOn = (places: fc.Arbitrary<string>): fc.Arbitrary<readonly unknown[]> =>
  fc.oneof(
    fc.tuple(fc.constantFrom('==', '!='), places, literals),
    fc.tuple(operators, places, fc.constantFrom(0, 0.5, 1)),
    fc.tuple(fc.constant('like'), places, patterns),
  )
const { statement } = fc.letrec<{ statement: readonly unknown[]; element: readonly unknown[] }>((tie) => ({
  element: fc.oneof(
    { maxDepth: 2 },
    simpleOn(fc.constantFrom('.', '.', '.b')),
    fc.tuple(fc.constant('not'), tie('element')),
  ),
  statement: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    simpleOn(selectors),
    fc.tuple(fc.constant('not'), tie('statement')),
    fc.tuple(fc.constantFrom('and', 'or'), fc.array(tie('statement'), { maxLength: 3 })),
    fc.tuple(fc.constantFrom('all', 'any'), selectors, tie('element')),
  ),
}))
/** Policies of up to three statements, nested and with missing values. */
export const policies: fc.Arbitrary<readonly (readonly unknown[])[]> = fc.array(statement, { maxLength: 3 })

const scalars: readonly unknown[] = [null, true, false, 0, 1, 2, 0.25, '', 'x', 'y', 'xy', 'yx', 'xxy']
const values: readonly unknown[] = [
  ...scalars,
  ...[[], [0], ['x'], ['x', 1], [1, 'x'], [0, 0], ['x', 'y', 'xy'], [{ b: 'x' }, {}], [[0], 'x']],
  ...[{}, { b: 0 }, { b: 'x' }, { b: 'xy', c: 'x' }, { c: 1 }, { b: { b: 1 } }],
  ...[new Uint8Array(), Uint8Array.of(0), Uint8Array.of(1, 0)],
]
/** All maps with these values of `a` and `b`. */
export const universe: readonly { readonly a?: unknown; readonly b?: unknown }[] = [undefined, ...values].flatMap((a) =>
  [undefined, null, 0, 1, 'x', 'xy', []].map((b) => ({ ...(a !== undefined && { a }), ...(b !== undefined && { b }) })),
)

/** The value with objects that the reference evaluator takes. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]))
}
