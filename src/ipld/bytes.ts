/**
 * Byte strings compared.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import { refusePromise } from '../support/options.ts'

/**
 * A copy of bytes that somebody else holds.
 *
 * @throws ArgumentError when they are none: of a number or a text the platform would make something else.
 */
export function copyOf(bytes: Uint8Array): Uint8Array {
  refusePromise('bytes', bytes)
  if (!(bytes instanceof Uint8Array))
    throw new ArgumentError('the bytes of a token are a Uint8Array; a container is opened with openContainer')
  return new Uint8Array(bytes)
}

/** Whether two byte strings are the same. Not for secrets: it stops at the first difference. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Orders byte strings bytewise, a beginning before the whole. Returns below zero when `a` stands before `b`. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
