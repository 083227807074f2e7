/**
 * Calls that one policy permits, and another one does not or does as well.
 *
 * @module
 */

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

/** Most steps of an analysis. */
const maxSteps = 1_000_000

/** A policy of a comparison. */
export interface Side {
  readonly name: 'first' | 'second'
  readonly ready: ReadyPolicy
  /** The condition under which each statement is true. */
  readonly conditions: readonly Condition[]
  /** The calls that it permits. */
  readonly region: Region
  readonly budget: AnalysisBudget
}

/** Whether there is a call of some kind. */
export type Finding = ExampleCall | UndecidedStatement | undefined

/** Begins an analysis. */
export function beginAnalysis(): AnalysisBudget {
  return { remaining: maxSteps }
}

/** Reads two policies, whose searches share one budget. */
export function readSides(
  first: Policy,
  second: Policy,
  budget: AnalysisBudget = beginAnalysis(),
): readonly [Side, Side] {
  return [readSide('first', first, budget), readSide('second', second, budget)]
}

function readSide(name: 'first' | 'second', value: Policy, budget: AnalysisBudget): Side {
  const policy = parsePolicy(value)
  const conditions = policy.map((statement) => conditionOf(statement, 'true'))
  return { name, ready: readyPolicy(policy), conditions, region: regionOf(conditions, budget), budget }
}

/** Finds a call that `inner` permits and `outer` does not. */
export function findBeyond(inner: Side, outer: Side): Finding {
  // ANL-03
  const own = inner.ready.policy as readonly IpldValue[]
  let undecided: UndecidedStatement | undefined
  const any = inner.region.find()
  if (any.kind === 'none') return undefined
  for (const [statement, condition] of outer.ready.policy.entries()) {
    if (own.some((one) => ipldEquals(one, condition as IpldValue, inner.budget)) && inner.budget.remaining >= 0)
      continue
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

/** Finds a call that the policy permits. */
export function findAny(side: Side): Finding {
  const found = checked(side.region.find(), (args) => permits(side, args))
  if (found.kind === 'none') return undefined
  if (found.kind === 'found') return { args: found.args }
  return placed(found.reason, [side], { policy: side.name, statement: found.condition ?? 0 })
}

/** Finds a call that both policies permit. */
export function findCommon(a: Side, b: Side): Finding {
  const answer = regionOf([...a.conditions, ...b.conditions], a.budget).find()
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

/** Whether a call was found. */
export function isExample(finding: Finding): finding is ExampleCall {
  return finding !== undefined && 'args' in finding
}

function isUndecided(finding: Finding): finding is UndecidedStatement {
  return finding !== undefined && 'reason' in finding
}

/** An example as a property of a result, if it was found. */
export function exampleOf<Name extends string>(name: Name, finding: Finding): Partial<Record<Name, ExampleCall>> {
  return isExample(finding) ? ({ [name]: Object.freeze(finding) } as Record<Name, ExampleCall>) : {}
}

/** The first reason among the findings, as a property of a result that is unknown. */
export function undecidedOf(result: string, findings: readonly Finding[]): { readonly undecided?: UndecidedStatement } {
  const undecided = result === 'unknown' ? findings.find(isUndecided) : undefined
  return undecided === undefined ? {} : { undecided: Object.freeze(undecided) }
}
