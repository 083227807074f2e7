/**
 * The outcomes of a statement (Kleene's three, and the one of giving up). Numbers, because they are compared on the
 * path of every call.
 *
 * @module
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
