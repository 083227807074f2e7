/**
 * Bounds on what is read, so that hostile input costs little.
 *
 * @module
 */

import { ArgumentError } from './errors.ts'
import { checkOptions, type Forms, maybe, whole } from './support/options.ts'

/** Bounds on containers, tokens and chains. Each is checked before the work that it bounds. */
export interface Limits {
  /** Bytes of a container after base decoding and inflating. Default 262,144. */
  readonly containerBytes: number
  /** Bytes of one token. Default 65,536. */
  readonly tokenBytes: number
  /** Tokens in a container. Default 64. */
  readonly tokens: number
  /** Proofs of an invocation. Default 16. */
  readonly proofs: number
  /** Nesting of maps and lists in a token. Default 32. */
  readonly depth: number
  /** Values in a token, map keys included. Default 8,192. */
  readonly items: number
}

/** The limits that hold when none are given. */
export const defaultLimits: Limits = Object.freeze({
  containerBytes: 262_144,
  tokenBytes: 65_536,
  tokens: 64,
  proofs: 16,
  depth: 32,
  items: 8_192,
})

/**
 * Completes limits given by a caller.
 *
 * @throws ArgumentError unless each is a whole number above zero, and the depth one that readers bear.
 */
export function completeLimits(limits: Partial<Limits> | undefined): Limits {
  if (limits === undefined) return defaultLimits
  const complete = { ...defaultLimits, ...checkOptions('limits', limits, limitForms, wrong) }
  checkDepth(complete.depth)
  return complete
}

const limit = maybe(whole(1))

const limitForms: Forms<Limits> = Object.freeze({
  containerBytes: limit,
  tokenBytes: limit,
  tokens: limit,
  proofs: limit,
  depth: limit,
  items: limit,
})

function wrong(what: string, named: boolean): ArgumentError {
  return new ArgumentError(named ? what : `limits: ${what}`)
}

/** A depth that every stack can bear. */
const deepest = 256

/**
 * Returns a limit of depth.
 *
 * @throws ArgumentError when it is beyond what readers bear.
 */
export function checkDepth(depth: number): number {
  if (depth > deepest) throw new ArgumentError(`limit \`depth\` is at most ${deepest}, for the reader calls itself`)
  return depth
}
