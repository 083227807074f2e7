/**
 * Comparison of limits.
 *
 * @module
 */

import { isLimit } from './limit.ts'
import { printSelector } from './print-selector.ts'
import { parseSelector } from './selector.ts'
import type { LimitStatement, Statement } from './statement.ts'

/** Whether both statements limit the same, and the first one allows more of it. */
export function isLooserLimit(one: Statement, other: Statement): boolean {
  if (!isLimit(one) || !isLimit(other) || countedBy(one) !== countedBy(other)) return false
  return maximumOf(one) > maximumOf(other)
}

/** Whether a statement is a limit that allows no call. */
export function isZeroLimit(statement: Statement): boolean {
  return isLimit(statement) && maximumOf(statement) === 0
}

/** Names the calls or amounts that a limit counts. Rates over different periods cannot be compared. */
function countedBy(limit: LimitStatement): string {
  switch (limit[0]) {
    case 'limit/sum':
      return `${limit[0]} ${printSelector(parseSelector(limit[1]))}`
    case 'limit/rate':
      return `${limit[0]} ${limit[2]}`
    default:
      return limit[0]
  }
}

/** The nearest number. Decimals of at most 15 digits are in the same order as their nearest numbers. */
function maximumOf(limit: LimitStatement): number {
  return Number(limit[0] === 'limit/sum' ? limit[2] : limit[1])
}
