import { ipldEquals } from '../../ipld/equal.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { isLooserLimit } from './compare-limits.ts'
import { describeStatement } from './describe.ts'
import type { Policy, Statement } from './statement.ts'
import { areDisjoint, contains, namesStray, reachesBeyond, type ValueSet, valueSetOf } from './value-set.ts'

/** A statement of a child policy that allows more than the parent policy does for the same value. */
export interface Widening {
  /** Index of the statement in the child policy, from 0. */
  readonly statement: number
  /** Index of the narrower statement in the parent policy, from 0. */
  readonly parentStatement: number
  /** Both statements in words, for people. */
  readonly message: string
}

/**
 * Like `findWidening`, for policies that `parsePolicy` returned.
 *
 * @param given - the policies of the chain: a statement that one of them also contains is not a widening.
 */
export function wideningOf(parent: Policy, child: Policy, given: readonly Policy[] = [parent]): Widening | undefined {
  // POL-25
  const passedOn = given.flatMap(placedSets)
  const childSets = placedSets(child)
  const written = childSets.filter((inner) => !passedOn.some((one) => isSameStatement(one, inner)))
  for (const outer of placedSets(parent)) {
    const { place } = outer.set
    // A wide statement is harmless beside a narrow one about the same value.
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
  return loosenedLimit(parent, child, given)
}

/** LMT-07: both limits count, so a looser one grants nothing. */
function loosenedLimit(parent: Policy, child: Policy, given: readonly Policy[]): Widening | undefined {
  const passedOn = given.flat() as readonly IpldValue[]
  for (const [index, statement] of child.entries()) {
    const outer = parent.findIndex((one) => isLooserLimit(statement, one))
    if (outer < 0 || passedOn.some((one) => ipldEquals(one, statement as IpldValue))) continue
    return widening({ statement: parent[outer] as Statement, index: outer }, { statement, index })
  }
  return undefined
}

/** A set, and the statement that it is from. */
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

function isSameStatement(a: PlacedSet, b: PlacedSet): boolean {
  return ipldEquals(a.statement as IpldValue, b.statement as IpldValue)
}

type Placed = Pick<PlacedSet, 'statement' | 'index'>

function widening(outer: Placed, inner: Placed): Widening {
  return Object.freeze({
    statement: inner.index,
    parentStatement: outer.index,
    message: `the policy allows that ${describeStatement(inner.statement)}, but the proof only allows that ${describeStatement(outer.statement)}`,
  })
}
