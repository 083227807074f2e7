/**
 * Statements of the UCAN policy language, in the form that tokens contain.
 *
 * @module
 */

import type { IpldValue } from '../../ipld/value.ts'

/** `["==", ".to", "ann"]`: the selected value equals the literal, or (`!=`) does not. Equality is deep and by value. */
export type EqualityStatement = readonly [operator: '==' | '!=', selector: string, value: IpldValue]

/** `["<", ".amount", 100]`: the selected value is a number on that side of the bound. */
export type OrderStatement = readonly [operator: '<' | '<=' | '>' | '>=', selector: string, bound: number]

/** `["like", ".to", "*@example.com"]`: the selected value matches the pattern. `*` matches any text, `\*` a star. */
export type LikeStatement = readonly [operator: 'like', selector: string, pattern: string]

/** `["and", [s, t]]` or `["or", [s, t]]`: all, or at least one, of the statements hold. Both hold when empty. */
export type ConnectiveStatement = readonly [operator: 'and' | 'or', statements: readonly Statement[]]

/** `["not", s]`: the statement does not hold. */
export type NegationStatement = readonly [operator: 'not', statement: Statement]

/** `["all", ".to", s]` or `["any", ".to", s]`: every, or at least one, element of the collection satisfies it. */
export type QuantifierStatement = readonly [operator: 'all' | 'any', selector: string, statement: Statement]

/** One predicate over the arguments of an invocation (UCAN Delegation 1.0.0, "Policy"). */
export type Statement =
  | EqualityStatement
  | OrderStatement
  | LikeStatement
  | ConnectiveStatement
  | NegationStatement
  | QuantifierStatement

/** The operator of a statement. */
export type Operator = Statement[0]

/**
 * Conditions on the arguments of an invocation: all statements must hold. `[]` allows any arguments. A policy that
 * `parsePolicy` or a builder returned is well formed and deeply frozen.
 */
export type Policy = readonly Statement[]
