import { ipldEquals } from '../../ipld/equal.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { describeStatement } from './describe.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Policy, Statement } from './statement.ts'
import { areDisjoint, contains, namesStray, reachesBeyond, type ValueSet, valueSetOf } from './value-set.ts'

/** A statement of a child policy that says more than the parent policy allows at the same place. */
export interface Widening {
  /** Place of the statement in the child policy, from 0. */
  readonly statement: number
  /** Place in the parent policy of the statement that allows less. */
  readonly parentStatement: number
  /** What is wider, and what the parent allows; for people. */
  readonly message: string
}

/**
 * Finds a statement of `child` that on its own allows what `parent` does not: it is wider than the parent's statement
 * at the same place, names a value that the parent refuses, or has nothing in common with it. A chain of delegations
 * needs all policies to hold, so such a statement can give nothing; whoever wrote it believes otherwise.
 *
 * Bounds, equality, patterns, alternatives of those over one selector, and `all` of them are compared. About other
 * statements it says nothing: undefined does not mean that the child is narrower, only that nothing is seen. A statement
 * that the parent has as well widens nothing, so no policy is a widening of itself.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that one of the policies breaks.
 */
export function findWidening(parent: Policy, child: Policy): Widening | undefined {
  return wideningOf(parsePolicy(parent), parsePolicy(child))
}

/**
 * Finds what `findWidening` does, in policies that `parsePolicy` returned.
 *
 * @param given - the policies of the chain: a statement that one of them has as well is passed on and not widened.
 */
export function wideningOf(parent: Policy, child: Policy, given: readonly Policy[] = [parent]): Widening | undefined {
  // POL-25
  const passedOn = given.flatMap(placedSets)
  const childSets = placedSets(child)
  const written = childSets.filter((inner) => !passedOn.some((one) => saysTheSame(one, inner)))
  for (const outer of placedSets(parent)) {
    const { place } = outer.set
    // A wide statement beside a narrow one at the same place takes nothing away from it.
    const isNarrowed = () => childSets.some(({ set }) => set.place === place && contains(outer.set, set))
    for (const inner of written) {
      if (inner.set.place !== place) continue
      const widens =
        namesStray(outer.set, inner.set) ||
        areDisjoint(outer.set, inner.set) ||
        (contains(inner.set, outer.set) && reachesBeyond(outer.set, inner.set) && !isNarrowed())
      if (widens) return widening(outer, inner)
    }
  }
  return undefined
}

/** A set together with the statement it is from. */
interface PlacedSet {
  readonly set: ValueSet
  readonly statement: Statement
  readonly index: number
}

function placedSets(policy: Policy): readonly PlacedSet[] {
  return policy.flatMap((statement, index) => setsWithin(statement, index))
}

function setsWithin(statement: Statement, index: number): readonly PlacedSet[] {
  if (statement[0] === 'and') return statement[1].flatMap((part) => setsWithin(part, index))
  const set = valueSetOf(statement)
  return set === undefined ? [] : [{ set, statement, index }]
}

function saysTheSame(a: PlacedSet, b: PlacedSet): boolean {
  return ipldEquals(a.statement as IpldValue, b.statement as IpldValue)
}

function widening(outer: PlacedSet, inner: PlacedSet): Widening {
  return Object.freeze({
    statement: inner.index,
    parentStatement: outer.index,
    message: `the policy says that ${describeStatement(inner.statement)}, but the proof allows only that ${describeStatement(outer.statement)}`,
  })
}
