/**
 * Builders of statements. Each returns the statement as it stands in a token, checked and frozen, so that a policy is a
 * list of what they return and a mistake shows where it is made.
 *
 * @module
 */

import { ArgumentError, MalformedError } from '../../errors.ts'
import type { IpldValue } from '../../ipld/value.ts'
import { parsePolicy } from './parse-policy.ts'
import type { Statement } from './statement.ts'

/** The selected value equals `value`, in depth. */
export function eq(selector: string, value: IpldValue): Statement {
  return build(['==', selector, value])
}

/** The selected value is there and does not equal `value`. A list of what is allowed is safer: see `lintPolicy`. */
export function ne(selector: string, value: IpldValue): Statement {
  return build(['!=', selector, value])
}

/** The selected value is a number below `bound`. */
export function lt(selector: string, bound: number): Statement {
  return build(['<', selector, bound])
}

/** The selected value is a number of at most `bound`. */
export function lte(selector: string, bound: number): Statement {
  return build(['<=', selector, bound])
}

/** The selected value is a number above `bound`. */
export function gt(selector: string, bound: number): Statement {
  return build(['>', selector, bound])
}

/** The selected value is a number of at least `bound`. */
export function gte(selector: string, bound: number): Statement {
  return build(['>=', selector, bound])
}

/** The selected value is text of the form `pattern`: `*` is any text, `\\*` in the pattern is a star. */
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
 * @throws ArgumentError without a statement: in a token, `or` of nothing is true, which is not what one means by it.
 */
export function or(...statements: readonly [Statement, ...Statement[]]): Statement {
  // POL-24
  if (statements.length === 0) throw new ArgumentError('`or` needs a statement: of nothing it is true')
  return build(['or', statements])
}

/** The statement does not hold, and can be told not to: with a value missing, neither it nor its negation holds. */
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

/** What is malformed here was not received but written, and its dot is what is left out most often. */
function mistake(error: unknown, selector: unknown): unknown {
  if (!(error instanceof MalformedError)) return error
  const hint = typeof selector !== 'string' || selector.startsWith('.') ? '' : '; a selector begins with a dot'
  return new ArgumentError(error.message + hint, { cause: error })
}

function build(statement: readonly unknown[]): Statement {
  try {
    return parsePolicy([statement])[0] as Statement
  } catch (error) {
    throw mistake(error, statement[1])
  }
}
