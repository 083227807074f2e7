/**
 * Vectors as JSON carries them. Needs no Node.
 *
 * @module
 */

import type { Suites, Vector } from './smoke.ts'

/** {@link Suites} with hexadecimal text for bytes. */
export type HexSuites = Readonly<Record<string, readonly { readonly [Field in keyof Vector]: string }[]>>

/** Writes suites as JSON. */
export function toHexJson(suites: Suites): string {
  return JSON.stringify(suites, (_key, value: unknown) => (value instanceof Uint8Array ? hexOf(value) : value))
}

/** Reads them back. */
export function fromHex(suites: HexSuites): Suites {
  const entries = Object.entries(suites).map(([name, vectors]): [string, Vector[]] => [
    name,
    vectors.map(({ algorithm, key, message, signature }) => ({
      algorithm: algorithm as Vector['algorithm'],
      key: bytesOf(key),
      message: bytesOf(message),
      signature: bytesOf(signature),
    })),
  ])
  return Object.fromEntries(entries)
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
