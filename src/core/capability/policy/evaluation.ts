/**
 * The state and the outcomes of an evaluation.
 *
 * @module
 */

import type { StepBudget } from '../../ipld/equal.ts'
import type { IpldMap, IpldValue } from '../../ipld/value.ts'

/** Most steps of one evaluation. */
export const maxSteps = 100_000

/** The state of one evaluation of a policy. */
export interface Evaluation extends StepBudget {
  /** The arguments, if they are a map without a prototype. Most selectors begin there, so this is tested once. */
  readonly bare: IpldValue
  /** The values of maps whose keys were sorted. */
  ordered: Map<IpldMap, readonly IpldValue[]> | undefined
}

/** A value that equals no argument. */
const nothing: IpldValue = Object.freeze(Object.create(null))

/** Begins an evaluation of the arguments. */
export function beginEvaluation(args: IpldValue): Evaluation {
  const bare = typeof args === 'object' && args !== null && Object.getPrototypeOf(args) === null
  return { remaining: maxSteps, bare: bare ? args : nothing, ordered: undefined }
}

/**
 * The outcomes of a statement: Kleene's three, and one for an exceeded budget. They are numbers because they are
 * compared in every call.
 */

/** The statement does not hold. */
export const unsatisfied = 0
/** The statement holds: the only outcome that allows the call. */
export const satisfied = 1
/** It is unknown whether the statement holds, because a selected value is missing. */
export const unresolvedOutcome = 2
/** The evaluation exceeded its budget of steps. */
export const overBudget = 3

/** One of the four outcomes. */
export type StatementOutcome = typeof unsatisfied | typeof satisfied | typeof unresolvedOutcome | typeof overBudget
