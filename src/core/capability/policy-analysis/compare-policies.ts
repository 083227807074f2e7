import { encodeCbor } from '../../ipld/encode.ts'
import { ipldEquals } from '../../ipld/equal.ts'
import { deepFreeze, type IpldMap, type IpldValue } from '../../ipld/value.ts'
import { satisfied, unresolvedOutcome, unsatisfied } from '../policy/evaluation.ts'
import { isLimit } from '../policy/limit.ts'
import { parsePolicy } from '../policy/parse-policy.ts'
import { type ReadyPolicy, readyPolicy } from '../policy/ready-policy.ts'
import type { Policy } from '../policy/statement.ts'
import { type Condition, isAssumedIn } from './condition.ts'
import { isWithinLimit } from './limits-within.ts'
import { conditionOf } from './readings.ts'
import { type AnalysisBudget, type Answer, type Region, regionOf } from './region.ts'

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

/** A call as an example. */
export interface ExampleCall {
  /** The arguments. */
  readonly args: IpldMap
  /**
   * Index of a limit in the policy that does not permit the call, from 0. That policy permits the call once, and does
   * not permit as many repetitions of it as the other policy does.
   */
  readonly limit?: number
}

/** The reason why two policies were not compared to the end. */
export interface UndecidedStatement {
  /** The policy with the statement. */
  readonly policy: 'first' | 'second'
  /** Index of the statement, from 0. */
  readonly statement: number
  /** For people. */
  readonly reason: string
}

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

/** Most steps of a comparison. */
const maxSteps = 1_000_000

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
  const budget: AnalysisBudget = { remaining: maxSteps }
  const [a, b] = [readSide('first', first, budget), readSide('second', second, budget)]
  const onlyFirst = findBeyond(a, b)
  const onlySecond = findBeyond(b, a)
  const both = findCommon(a, b, budget)
  const relation = relationOf(onlyFirst, onlySecond, both)
  return Object.freeze({
    relation,
    ...exampleOf('onlyFirst', onlyFirst),
    ...exampleOf('onlySecond', onlySecond),
    ...exampleOf('both', both),
    ...undecidedOf(relation, [onlyFirst, onlySecond, both]),
  })
}

/** A policy of a comparison. */
interface Side {
  readonly name: 'first' | 'second'
  readonly ready: ReadyPolicy
  /** The condition under which each statement is true. */
  readonly conditions: readonly Condition[]
  /** The calls that it permits. */
  readonly region: Region
}

/** Whether there is a call of some kind. */
type Finding = ExampleCall | UndecidedStatement | undefined

function readSide(name: 'first' | 'second', value: Policy, budget: AnalysisBudget): Side {
  const policy = parsePolicy(value)
  const conditions = policy.map((statement) => conditionOf(statement, 'true'))
  return { name, ready: readyPolicy(policy), conditions, region: regionOf(conditions, budget) }
}

/** Finds a call that `inner` permits and `outer` does not. */
function findBeyond(inner: Side, outer: Side): Finding {
  // ANL-03
  const own = inner.ready.policy as readonly IpldValue[]
  let undecided: UndecidedStatement | undefined
  const any = inner.region.find()
  if (any.kind === 'none') return undefined
  for (const [statement, condition] of outer.ready.policy.entries()) {
    if (own.some((one) => ipldEquals(one, condition as IpldValue))) continue
    const answer = inner.region.findWith(conditionOf(condition, 'not true'))
    const found = checked(answer, (args) => permits(inner, args) && refuses(outer, args))
    if (found.kind === 'found') return { args: found.args }
    if (found.kind === 'undecided') {
      undecided ??= placed(
        found.reason,
        [inner, outer],
        found.condition === undefined
          ? { policy: outer.name, statement }
          : { policy: inner.name, statement: found.condition },
      )
    }
  }
  return findBeyondLimits(inner, outer, any) ?? undecided
}

/** Finds a call that `outer` permits less often than `inner`. */
function findBeyondLimits(inner: Side, outer: Side, any: Answer): Finding {
  let undecided: UndecidedStatement | undefined
  for (const [statement, limit] of outer.ready.policy.entries()) {
    if (!isLimit(limit)) continue
    const within = isWithinLimit(inner.ready.policy, limit)
    if (within === 'yes') continue
    const call = checked(any, (args) => permits(inner, args))
    if (within === 'no' && call.kind === 'found') return { args: call.args, limit: statement }
    const reason = `\`${limit[0]}\` counts calls, and the other policy has no limit that is certainly as tight`
    undecided ??= { policy: outer.name, statement, reason }
  }
  return undecided
}

/** Finds a call that both policies permit. */
function findCommon(a: Side, b: Side, budget: AnalysisBudget): Finding {
  const answer = regionOf([...a.conditions, ...b.conditions], budget).find()
  const found = checked(answer, (args) => permits(a, args) && permits(b, args))
  if (found.kind === 'none') return undefined
  if (found.kind === 'found') return { args: found.args }
  const index = found.condition ?? 0
  const behind = index - a.conditions.length
  const place = behind < 0 ? { policy: a.name, statement: index } : { policy: b.name, statement: behind }
  return placed(found.reason, [a, b], place)
}

/** Makes an answer with arguments undecided unless they are arguments of a call with the claimed property. */
function checked(answer: Answer, claim: (args: IpldMap) => boolean): Answer {
  // ANL-04
  if (answer.kind !== 'found') return answer
  const { args, assumed } = answer
  if (claim(args) && isEncodable(args)) return { kind: 'found', args: deepFreeze(args), assumed }
  return { kind: 'undecided', reason: assumed ?? 'the arguments that were found are too large for a call' }
}

/** The statement that a reason is about, if the condition of one contains it, or else the given one. */
function placed(
  reason: string,
  sides: readonly Side[],
  otherwise: Omit<UndecidedStatement, 'reason'>,
): UndecidedStatement {
  // ANL-05
  for (const { name, conditions } of sides) {
    const statement = conditions.findIndex((condition) => isAssumedIn(condition, reason))
    if (statement >= 0) return { policy: name, statement, reason }
  }
  return { ...otherwise, reason }
}

function isEncodable(args: IpldMap): boolean {
  try {
    encodeCbor(args)
    return true
  } catch {
    return false
  }
}

function permits({ ready }: Side, args: IpldMap): boolean {
  return ready.failure(args) === undefined
}

/** Whether the policy refuses the arguments for another reason than the steps that an evaluation takes. */
function refuses({ ready }: Side, args: IpldMap): boolean {
  const outcome = ready.failure(args)?.outcome ?? satisfied
  return outcome === unsatisfied || outcome === unresolvedOutcome
}

function isExample(finding: Finding): finding is ExampleCall {
  return finding !== undefined && 'args' in finding
}

function isUndecided(finding: Finding): finding is UndecidedStatement {
  return finding !== undefined && 'reason' in finding
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

type ExampleName = 'onlyFirst' | 'onlySecond' | 'both'

function exampleOf(name: ExampleName, finding: Finding): Partial<Record<ExampleName, ExampleCall>> {
  return isExample(finding) ? { [name]: Object.freeze(finding) } : {}
}

function undecidedOf(relation: PolicyRelation, findings: readonly Finding[]): Pick<PolicyComparison, 'undecided'> {
  if (relation !== 'unknown') return {}
  const undecided = findings.find(isUndecided)
  return undecided === undefined ? {} : { undecided: Object.freeze(undecided) }
}
