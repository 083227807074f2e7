/**
 * The limits of a chain, as a store counts them.
 *
 * @module
 */

import type { Never, Timestamp } from '../../../time.ts'
import { beginEvaluation } from '../../capability/policy/evaluation.ts'
import { isLimit, placesOf, unitsOf } from '../../capability/policy/limit.ts'
import { compileSelector } from '../../capability/policy/resolve.ts'
import { parseSelector } from '../../capability/policy/selector.ts'
import type { LimitStatement, Policy } from '../../capability/policy/statement.ts'
import type { IpldValue } from '../../ipld/value.ts'
import type { LimitEntry } from './limit-store.ts'

/** A limit, its place, and the amount of it that a call uses. */
export interface ChainLimit {
  /** Position of the delegation in the chain, from 0. */
  readonly at: number
  /** Index of the statement in its policy, from 0. */
  readonly statement: number
  readonly limit: LimitStatement
  readonly entry: LimitEntry
  /** The DID of the principal that has approved the call, if the delegation is an approval. */
  readonly approver?: string
}

/** The part of a delegation that its limits depend on. */
export interface LimitedLink {
  readonly policy: Policy
  readonly expiration: Timestamp | Never
  /** Names the signed bytes, without the signature. */
  readonly payload: string
}

/**
 * Returns the limits of a delegation, with the amounts of one call.
 *
 * @param args - of the call, which the policy allows; undefined to ask how much is left.
 * @param tolerance - seconds by which clocks may differ.
 */
export function limitsOf(
  link: LimitedLink,
  at: number,
  args: IpldValue | undefined,
  tolerance: number,
): readonly ChainLimit[] {
  const { policy, payload } = link
  const expiration = typeof link.expiration === 'number' ? link.expiration + tolerance : Number.POSITIVE_INFINITY
  return policy.flatMap((limit, statement): readonly ChainLimit[] => {
    if (!isLimit(limit)) return []
    // LMT-09: the key has no signature, because a token can have two valid ones.
    const entry = { key: `${payload}.${statement}`, ...countOf(limit, args), expiration }
    return [{ at, statement, limit, entry }]
  })
}

function countOf(
  limit: LimitStatement,
  args: IpldValue | undefined,
): Pick<LimitEntry, 'kind' | 'maximum' | 'amount' | 'window'> {
  switch (limit[0]) {
    case 'limit/uses':
      return { kind: 'total', maximum: limit[1], amount: 1 }
    case 'limit/concurrent':
      return { kind: 'concurrent', maximum: limit[1], amount: 1 }
    case 'limit/rate':
      return { kind: 'rate', maximum: limit[1], amount: 1, window: limit[2] }
    case 'limit/sum': {
      const places = placesOf(limit[2])
      const maximum = unitsOf(limit[2], places) as number
      return { kind: 'total', maximum, amount: args === undefined ? 0 : amountIn(args, limit[1], places) }
    }
  }
}

function amountIn(args: IpldValue, selector: string, places: number): number {
  // A value that does not resolve has no units either.
  const amount = unitsOf(compileSelector(parseSelector(selector))(args, beginEvaluation(args)), places)
  if (amount === undefined) throw new TypeError('the policy allowed a call without the amount of its limit')
  return amount
}

/** Writes an amount in the form of the limit: a decimal with as many places as the maximum, or a number of calls. */
export function showAmount(limit: LimitStatement, amount: number): number | string {
  if (limit[0] !== 'limit/sum') return amount
  const places = placesOf(limit[2])
  const digits = String(amount).padStart(places + 1, '0')
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
}
