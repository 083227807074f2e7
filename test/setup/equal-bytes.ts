import { expect } from 'vitest'

/**
 * Whether two byte arrays of one class have the same bytes. The test runner compares each byte like a value of any
 * kind, which takes a millisecond for a token.
 */
function areBytesEqual(one: unknown, other: unknown): boolean | undefined {
  if (!(one instanceof Uint8Array && other instanceof Uint8Array)) return undefined
  if (one.constructor !== other.constructor) return undefined
  return Buffer.compare(one, other) === 0
}

// this file runs once for each file of tests, and many of these share a process
const known = globalThis as { comparesBytes?: true }
if (known.comparesBytes === undefined) {
  known.comparesBytes = true
  expect.addEqualityTesters([areBytesEqual])
}
