/**
 * The state and the outcomes of an evaluation.
 *
 * @module
 */

import type { StepBudget } from '../../ipld/equal.ts'
import type { IpldMap, IpldValue } from '../../ipld/value.ts'

/** Steps that one evaluation of a policy may take. */
export const maxSteps = 100_000

/** The state of one evaluation of a policy. */
export interface Evaluation extends StepBudget {
  /** The arguments when they are a map that inherits nothing: what most selectors begin at, asked once. */
  readonly bare: IpldValue
  /** The values of maps that were put in order. */
  ordered: Map<IpldMap, readonly IpldValue[]> | undefined
}

/** A value that is no argument. */
const nothing: IpldValue = Object.freeze(Object.create(null))

/** Begins an evaluation over the arguments. */
export function beginEvaluation(args: IpldValue): Evaluation {
  const bare = typeof args === 'object' && args !== null && Object.getPrototypeOf(args) === null
  return { remaining: maxSteps, bare: bare ? args : nothing, ordered: undefined }
}

/**
 * The outcomes of a statement: Kleene's three, and one for an exceeded budget. They are numbers because they are compared
 * in every call.
 */

/** The statement does not hold. */
export const unsatisfied = 0
/** The statement holds: the only outcome that permits. */
export const satisfied = 1
/** Whether the statement holds cannot be told, because a selector leads to no value. */
export const unresolvedOutcome = 2
/** The evaluation took more steps than it may. */
export const overBudget = 3

/** One of the four outcomes. */
export type StatementOutcome = typeof unsatisfied | typeof satisfied | typeof unresolvedOutcome | typeof overBudget
