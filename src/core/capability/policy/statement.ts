/**
 * Statements of the UCAN policy language, in the form that tokens contain.
 *
 * A new kind of limit is added here, and then, in this folder, in `parse-policy.ts` (its form), `compare-limits.ts`
 * (which of two is narrower), `describe.ts` (in words) and `build.ts` (its builder). One that counts in a new way also
 * changes `core/authorization/limits/chain-limits.ts` and `limit-store.ts`, and each store in `src/stores`.
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

/** `["limit/uses", 100]`: at most that many calls; `["limit/uses", 1, "did:key:…"]`: and at that service alone. */
export type UsesLimitStatement = readonly [operator: 'limit/uses', calls: number, service?: string]

/** `["limit/concurrent", 2]`: at most that many calls at the same time. */
export type ConcurrentLimitStatement = readonly [operator: 'limit/concurrent', calls: number]

/** `["limit/sum", ".amount", "250.00"]`: the selected amounts of all calls add up to at most that much. */
export type SumLimitStatement = readonly [operator: 'limit/sum', selector: string, maximum: string]

/** `["limit/rate", 10, 60]`: at most that many calls in any period of that many seconds. */
export type RateLimitStatement = readonly [operator: 'limit/rate', calls: number, seconds: number]

/** A bound on all calls together, which the service counts: an extension of UCAN, see `spec/budgets.md`. */
export type LimitStatement = UsesLimitStatement | ConcurrentLimitStatement | SumLimitStatement | RateLimitStatement

/** One predicate over the arguments of an invocation (UCAN Delegation 1.0.0, "Policy"), or a limit. */
export type Statement =
  | EqualityStatement
  | OrderStatement
  | LikeStatement
  | ConnectiveStatement
  | NegationStatement
  | QuantifierStatement
  | LimitStatement

/** The operator of a statement. */
export type Operator = Statement[0]

/**
 * Conditions on the arguments of an invocation: all statements must hold. `[]` allows any arguments. A policy that
 * `parsePolicy` or a builder returned is well formed and deeply frozen.
 */
export type Policy = readonly Statement[]
