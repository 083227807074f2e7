/**
 * Bounds on input, so that hostile input costs little.
 *
 * @module
 */

import { ArgumentError } from './errors.ts'
import { type DefaultCheck, integerFrom, readOptions, withDefault } from './support/options.ts'

/** Bounds on containers, tokens and chains. Each is checked before the work that it bounds. */
export interface Bounds {
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

/** The default bounds. */
export const defaultBounds: Bounds = Object.freeze({
  containerBytes: 262_144,
  tokenBytes: 65_536,
  tokens: 64,
  proofs: 16,
  depth: 32,
  items: 8_192,
})

/**
 * Fills in the defaults of bounds.
 *
 * @throws ArgumentError when a bound is not an integer > 0, or the depth is more than 256: the decoder is recursive.
 */
export function completeBounds(bounds: Partial<Bounds> | undefined): Bounds {
  if (bounds === undefined) return defaultBounds
  return readOptions<Partial<Bounds>, BoundChecks>('bounds', bounds, boundChecks)
}

type BoundChecks = Readonly<Record<keyof Bounds, DefaultCheck>>

/** A depth at which no stack overflows. */
const deepest = 256

const boundChecks = Object.fromEntries(
  Object.entries(defaultBounds).map(([name, value]) => [
    name,
    withDefault(integerFrom(1, name === 'depth' ? deepest : undefined), value),
  ]),
) as BoundChecks

/**
 * Returns a bound of depth.
 *
 * @throws ArgumentError when it is more than 256.
 */
export function checkDepth(depth: number): number {
  if (depth > deepest) throw new ArgumentError(`\`depth\` must be an integer <= ${deepest}`)
  return depth
}
