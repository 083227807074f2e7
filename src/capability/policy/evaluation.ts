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
