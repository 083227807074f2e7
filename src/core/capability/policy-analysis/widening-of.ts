import { ipldEquals } from '../../ipld/equal.ts'
import type { IpldMap, IpldValue } from '../../ipld/value.ts'
import { isLooserLimit } from '../policy/compare-limits.ts'
import { describeStatement } from '../policy/describe.ts'
import { isLimit } from '../policy/limit.ts'
import { printSelector } from '../policy/print-selector.ts'
import { readyPolicy } from '../policy/ready-policy.ts'
import { parseSelector } from '../policy/selector.ts'
import { showLiteral } from '../policy/show.ts'
import type { Policy, Statement } from '../policy/statement.ts'
import { areDisjoint, contains, namesStray, reachesBeyond, type ValueSet, valueSetOf } from '../policy/value-set.ts'

import { beginAnalysis, findBeyond, findCommon, isExample, readSides } from './findings.ts'
import type { AnalysisBudget } from './region.ts'

/** A statement of a child policy that allows more than the parent policy does for the same value. */
export interface Widening {
  /** Index of the statement in the child policy, from 0. */
  readonly statement: number
  /** Index of the narrower statement in the parent policy, from 0. */
  readonly parentStatement: number
  /** Both statements in words, and the arguments of the call, for people. */
  readonly message: string
  /** Arguments that the child policy permits and the parent policy refuses, if such a call was found. */
  readonly example?: IpldMap
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
      if (widens) return widening(outer, inner, exampleBeyond(outer, child, parent, beginAnalysis()))
    }
  }
  return loosenedLimit(parent, child, given) ?? provenWidening(parent, child, given)
}

/**
 * Finds a statement of the child that all calls of a statement of the parent satisfy, or none, and a call that the
 * child permits and the parent refuses. Both are about one selector: a statement about another value narrows.
 */
function provenWidening(parent: Policy, child: Policy, given: readonly Policy[]): Widening | undefined {
  // ANL-09
  const passedOn = given.flatMap((policy) => policy.flatMap(partsOf)) as readonly IpldValue[]
  const written = child.flatMap((statement, index) =>
    partsOf(statement)
      .filter((part) => !passedOn.some((one) => ipldEquals(one, part as IpldValue)))
      .map((part) => ({ statement: part, index, selector: selectorOf(part) })),
  )
  const budget = beginAnalysis()
  for (const [index, whole] of parent.entries()) {
    for (const statement of partsOf(whole)) {
      const selector = selectorOf(statement)
      if (selector === undefined) continue
      for (const inner of written) {
        if (inner.selector !== selector) continue
        // ANL-10
        if (budget.remaining <= 0) return undefined
        const outer = { statement, index }
        const example = isOutside(inner.statement, statement, budget) && exampleBeyond(outer, child, parent, budget)
        if (example) return widening(outer, inner, example)
      }
    }
  }
  return undefined
}

/** Whether one statement certainly permits all calls of the other one and more, or none of them. */
function isOutside(inner: Statement, outer: Statement, budget: AnalysisBudget): boolean {
  const [a, b] = readSides([inner], [outer], budget)
  const [beyond, behind] = [findBeyond(a, b), findBeyond(b, a)]
  if (!isExample(beyond)) return false
  return behind === undefined || (isExample(behind) && findCommon(a, b) === undefined)
}

/** Arguments that the child permits and the statement of the parent refuses, if they are not within it all the same. */
function exampleBeyond(
  { statement }: Placed,
  child: Policy,
  parent: Policy,
  budget: AnalysisBudget,
): IpldMap | undefined {
  const [inner, outer] = readSides(child, [statement], budget)
  const found = findBeyond(inner, outer)
  return isExample(found) && readyPolicy(parent).failure(found.args) !== undefined ? found.args : undefined
}

/** The statements of which a statement is the `and`. */
function partsOf(statement: Statement): readonly Statement[] {
  return statement[0] === 'and' ? statement[1].flatMap(partsOf) : [statement]
}

/** The selector of the only value that a statement is about; undefined for several values, and for a limit. */
function selectorOf(statement: Statement): string | undefined {
  switch (statement[0]) {
    case 'not':
      return selectorOf(statement[1])
    case 'and':
    case 'or': {
      const [first, ...others] = statement[1].map(selectorOf)
      return others.every((other) => other === first) ? first : undefined
    }
    default:
      return isLimit(statement) ? undefined : printSelector(parseSelector(statement[1]))
  }
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

function widening(outer: Placed, inner: Placed, example?: IpldMap): Widening {
  // ANL-11
  const call = example === undefined ? '' : `; for example, it allows the arguments ${showLiteral(example)}`
  return Object.freeze({
    statement: inner.index,
    parentStatement: outer.index,
    message: `the policy allows that ${describeStatement(inner.statement)}, but the proof only allows that ${describeStatement(outer.statement)}${call}`,
    ...(example !== undefined && { example }),
  })
}
