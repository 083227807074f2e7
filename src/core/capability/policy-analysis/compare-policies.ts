import type { Policy } from '../policy/statement.ts'
import {
  type ExampleCall,
  exampleOf,
  type Finding,
  findBeyond,
  findCommon,
  isExample,
  readSides,
  type UndecidedStatement,
  undecidedOf,
} from './findings.ts'

export type { ExampleCall, UndecidedStatement } from './findings.ts'

/**
 * How the calls that the first policy permits relate to those of the second.
 *
 * | relation | meaning |
 * |---|---|
 * | `equal` | both permit the same calls |
 * | `narrower` | the second permits all calls of the first, and others |
 * | `wider` | the first permits all calls of the second, and others |
 * | `overlapping` | each permits calls that the other refuses, and some are permitted by both |
 * | `disjoint` | both permit calls, and no call is permitted by both |
 * | `unknown` | none of these was proved |
 */
export type PolicyRelation = 'equal' | 'narrower' | 'wider' | 'overlapping' | 'disjoint' | 'unknown'

/** The result of a comparison. Examples are there when the relation has them; some may be there when it is unknown. */
export interface PolicyComparison {
  readonly relation: PolicyRelation
  /** A call that the first policy permits and the second does not. */
  readonly onlyFirst?: ExampleCall
  /** A call that the second policy permits and the first does not. */
  readonly onlySecond?: ExampleCall
  /** A call that both permit. */
  readonly both?: ExampleCall
  /** Present if and only if the relation is `unknown`. */
  readonly undecided?: UndecidedStatement
}

/**
 * Compares the calls that two policies permit, and proves the result with examples. An example was evaluated before it
 * is returned. A relation other than `unknown` holds for all arguments that a call can contain, with the evaluation of
 * `spec/policy.md` as if it had no bound on its steps.
 *
 * @throws MalformedError with the requirement of `spec/policy.md` that one of the policies breaks.
 *
 * @example
 * ```ts
 * import { comparePolicies, like } from 'procura/policy'
 *
 * const { relation, onlyFirst } = comparePolicies([like('.to', '*@example.com')], [like('.to', 'ann@example.com')])
 * console.log(relation, onlyFirst?.args) // wider { to: '@example.com' }
 * ```
 */
export function comparePolicies(first: Policy, second: Policy): PolicyComparison {
  const [a, b] = readSides(first, second)
  const onlyFirst = findBeyond(a, b)
  const onlySecond = findBeyond(b, a)
  const both = findCommon(a, b)
  const relation = relationOf(onlyFirst, onlySecond, both)
  return Object.freeze({
    relation,
    ...exampleOf('onlyFirst', onlyFirst),
    ...exampleOf('onlySecond', onlySecond),
    ...exampleOf('both', both),
    ...undecidedOf(relation, [onlyFirst, onlySecond, both]),
  })
}

function relationOf(onlyFirst: Finding, onlySecond: Finding, both: Finding): PolicyRelation {
  // ANL-01
  if (onlyFirst === undefined && onlySecond === undefined) return 'equal'
  if (onlyFirst === undefined && isExample(onlySecond)) return 'narrower'
  if (onlySecond === undefined && isExample(onlyFirst)) return 'wider'
  if (!isExample(onlyFirst) || !isExample(onlySecond)) return 'unknown'
  if (both === undefined) return 'disjoint'
  return isExample(both) ? 'overlapping' : 'unknown'
}
