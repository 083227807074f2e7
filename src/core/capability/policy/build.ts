/**
 * Builders of statements. Each returns the statement in the form that tokens contain, checked and frozen. A policy is a
 * list of such statements, and a mistake is found where it is made.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../../../errors.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Statement } from './statement.ts'

/**
 * The selected value equals `value`. Lists and maps are compared by their contents.
 *
 * @throws ArgumentError when the selector or the value is malformed; so do the other builders.
 */
export function eq(selector: string, value: IpldValue): Statement {
  return build(['==', selector, value])
}

/** The selected value is present and does not equal `value`. A list of allowed values is safer: see `lintPolicy`. */
export function ne(selector: string, value: IpldValue): Statement {
  return build(['!=', selector, value])
}

/** The selected value is a number < `bound`. */
export function lt(selector: string, bound: number): Statement {
  return build(['<', selector, bound])
}

/** The selected value is a number <= `bound`. */
export function lte(selector: string, bound: number): Statement {
  return build(['<=', selector, bound])
}

/** The selected value is a number > `bound`. */
export function gt(selector: string, bound: number): Statement {
  return build(['>', selector, bound])
}

/** The selected value is a number >= `bound`. */
export function gte(selector: string, bound: number): Statement {
  return build(['>=', selector, bound])
}

/** The selected value is a string that matches `pattern`: `*` matches any text, and `\\*` matches a star. */
export function like(selector: string, pattern: string): Statement {
  return build(['like', selector, pattern])
}

/** All of the statements hold. The statements of a policy need no `and` around them. */
export function and(...statements: readonly Statement[]): Statement {
  return build(['and', statements])
}

/**
 * At least one of the statements holds.
 *
 * @throws ArgumentError without a statement: in a token, an `or` without statements always holds.
 */
export function or(...statements: readonly [Statement, ...Statement[]]): Statement {
  // POL-24
  if (statements.length === 0)
    throw new ArgumentError('or: pass at least one statement; an `or` without statements always holds')
  return build(['or', statements])
}

/** The statement is false. When a value is missing, neither a statement nor its negation holds. */
export function not(statement: Statement): Statement {
  return build(['not', statement])
}

/** Every element of the selected list or map satisfies the statement, whose selectors begin at the element (`all`). */
export function every(selector: string, statement: Statement): Statement {
  return build(['all', selector, statement])
}

/** At least one element of the selected list or map satisfies the statement (`any`). */
export function some(selector: string, statement: Statement): Statement {
  return build(['any', selector, statement])
}

/**
 * At most this many calls, by all holders of the delegation together: the audience, and everybody to whom it is passed
 * on. The service counts, so it needs a `limitStore`; see `spec/budgets.md`. 0 allows no call.
 *
 * @param service - the DID of the service at which the calls may be made. Default: at every service that counts, and
 *   each one with a store of its own counts by itself.
 */
export function maxUses(calls: number, service?: string): Statement {
  return build(service === undefined ? ['limit/uses', calls] : ['limit/uses', calls, service])
}

/**
 * The amounts that `selector` selects, in the calls of all holders together, add up to at most `maximum`. Amounts are
 * integers, or decimals as strings (`'19.90'`) with no more digits after the point than `maximum` has; other calls are
 * refused.
 *
 * @param maximum - at most 15 digits; a fraction must be a string.
 *
 * @example
 * ```ts
 * import { maxSum } from 'procura/policy'
 *
 * const policy = [maxSum('.amount', '250.00')]
 * ```
 */
export function maxSum(selector: string, maximum: string | number): Statement {
  return build(['limit/sum', selector, Number.isInteger(maximum) ? String(maximum) : maximum])
}

/** At most this many calls in any period of `seconds`, by all holders together. */
export function maxRate(calls: number, seconds: number): Statement {
  return build(['limit/rate', calls, seconds])
}

/** At most this many calls at the same time, by all holders together. */
export function maxConcurrent(calls: number): Statement {
  return build(['limit/concurrent', calls])
}

/** The malformed part was written by the caller. The most frequent mistake is a selector without its dot. */
function asArgumentError(error: unknown, selector: unknown): unknown {
  if (!(error instanceof MalformedError)) return error
  const hint =
    typeof selector !== 'string' || selector.startsWith('.') ? '' : '; a selector begins with a dot, as in `.to`'
  return new ArgumentError(error.message + hint, { cause: error })
}

function build(statement: readonly unknown[]): Statement {
  try {
    return parsePolicy([statement])[0] as Statement
  } catch (error) {
    throw asArgumentError(error, statement[1])
  }
}
