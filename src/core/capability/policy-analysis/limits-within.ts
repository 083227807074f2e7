/**
 * Limits of one policy beside those of another.
 *
 * @module
 */

import { isLimit, placesOf } from '../policy/limit.ts'
import { printSelector } from '../policy/print-selector.ts'
import { parseSelector } from '../policy/selector.ts'
import type { LimitStatement, Policy, Statement } from '../policy/statement.ts'

/**
 * Whether calls that the limits of `policy` allow together are also allowed by `limit`: `yes`, or `no` if a repeated
 * call is not. One call by itself is compared as other statements are.
 */
export function isWithinLimit(policy: Policy, limit: LimitStatement): 'yes' | 'no' | 'undecided' {
  // ANL-06
  const own = policy.filter(isLimit)
  if (own.some((one) => isTighter(one, limit))) return 'yes'
  // Amounts can be 0, so a repeated call need not use a sum up. Limits of other kinds can be tighter in effect.
  if (limit[0] === 'limit/sum' || own.length > 1 || own.some((one) => !isAlike(one, limit))) return 'undecided'
  return 'no'
}

/** Whether all calls that `one` allows together are allowed by `other`. */
function isTighter(one: LimitStatement, other: LimitStatement): boolean {
  if (!isAlike(one, other)) return false
  if (one[0] === 'limit/sum' && other[0] === 'limit/sum') {
    // A finer unit allows amounts that the coarser one refuses.
    return placesOf(one[2]) <= placesOf(other[2]) && Number(one[2]) <= Number(other[2])
  }
  const isForService = other[0] === 'limit/uses' && other[2] !== undefined
  return Number(one[1]) <= Number(other[1]) && (!isForService || one[2] === other[2])
}

/** Whether both limits count the same calls. A limit for one service counts all calls, and refuses some. */
function isAlike(one: Statement, other: LimitStatement): boolean {
  if (one[0] !== other[0]) return false
  if (one[0] === 'limit/rate') return one[2] === other[2]
  if (one[0] !== 'limit/sum') return true
  return printSelector(parseSelector(one[1])) === printSelector(parseSelector(String(other[1])))
}
