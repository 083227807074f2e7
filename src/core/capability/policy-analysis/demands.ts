/**
 * The parts of a search that call each other.
 *
 * @module
 */

import type { IpldValue } from '../../ipld/value.ts'
import type { Condition, PlaceCondition, Test } from './condition.ts'
import type { Search } from './search.ts'

/** Conditions on one value, by what they are about. */
export interface Demands {
  readonly all: readonly PlaceCondition[]
  /** Tests of the value itself. */
  readonly tests: readonly Test[]
  /** Conditions on values inside it. */
  readonly inner: readonly PlaceCondition[]
}

/** Finds a value for conditions without a choice. */
export type Builder<Value> = (conditions: readonly PlaceCondition[], search: Search) => Value | undefined

/** The search for values inside a value. Each part returns undefined if there is no value, or sets `search.gaveUp`. */
export interface Solver {
  /** Finds a value that satisfies all conditions. */
  satisfy(conditions: readonly Condition[], search: Search): IpldValue | undefined
  /** Tries the cases of the conditions in turn, with `build` for each, until one has a value. */
  chooseFor<Value>(conditions: readonly Condition[], search: Search, build: Builder<Value>): Value | undefined
}
