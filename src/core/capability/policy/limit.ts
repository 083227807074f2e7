/**
 * Limits: statements of a policy about all calls together, which the service counts.
 *
 * @module
 */

import { MalformedError } from '../../../errors.ts'
import { quote } from '../../../support/quote.ts'
import type { LimitStatement, Statement } from './statement.ts'

/** Whether a statement is a limit. */
export function isLimit(statement: Statement): statement is LimitStatement {
  return statement[0].startsWith('limit/')
}

/** The JSON of a limit. A number of calls has at most 15 digits, which every store can add up. */
const form =
  /^\["limit\/(?:uses",\d{1,15}(?:,"did:[a-z0-9]+:[\w.:%-]{1,2048}")?|concurrent",\d{1,4}|rate",\d{1,4},[1-9]\d{0,7}|sum",".*","[\d.]+")\]$/s

/**
 * Reads a statement that has the operator of a limit.
 *
 * @param depth - 1 for a statement of the policy itself.
 * @param checkSelector - throws when its argument is not a selector.
 * @throws MalformedError when it is inside another statement, or does not have a form of `spec/budgets.md`.
 */
export function parseLimit(
  list: readonly unknown[],
  depth: number,
  checkSelector: (value: unknown) => unknown,
): LimitStatement {
  const [operator, first, maximum] = list
  const isSum = operator === 'limit/sum'
  if (isSum) checkSelector(first)
  // A bigint has no JSON, and an object can have a JSON of its own.
  const isPlain = list.length < 4 && list.every((item) => typeof item === 'string' || typeof item === 'number')
  const text = isPlain ? JSON.stringify(list) : ''
  // LMT-01
  if (depth > 1 || !form.test(text) || (isSum && unitsOf(maximum, 15) === undefined)) {
    throw new MalformedError('LMT-01', `${quote(String(operator))} has an invalid form, or is inside another statement`)
  }
  return JSON.parse(text)
}

/** The number of digits after the decimal point. */
export function placesOf(text: string): number {
  return (text.split('.')[1] ?? '').length
}

/**
 * Reads an amount: an integer, or a decimal as a string, without a sign, exponent, leading zero, space or separator. It
 * has at most 15 digits. LMT-04
 *
 * @param places - the number of digits after the point that a unit has.
 * @returns the number of units, or undefined for any other value, and for one that is finer than a unit.
 */
export function unitsOf(value: unknown, places: number): number | undefined {
  // A number with a fraction is not exact, so it is not an amount.
  const text = Number.isInteger(value) ? String(value) : value
  if (typeof text !== 'string' || text.length > 16 || !/^(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) || Number(text) >= 1e15)
    return undefined
  const [whole, fraction = ''] = text.split('.')
  return fraction.length > places ? undefined : Number(whole + fraction.padEnd(places, '0'))
}
