import { expect } from 'vitest'
import { MalformedError } from '../../../src/errors.ts'

/** Bytes of hexadecimal digits; spaces are for the reader. */
export function hex(text: string): Uint8Array {
  const digits = text.replaceAll(' ', '')
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16))
}

/** Hexadecimal digits of bytes. */
export function toHex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** The refusal that a call must end in. */
export function refusalOf(call: () => unknown): MalformedError {
  let refusal: unknown
  try {
    call()
  } catch (error) {
    refusal = error
  }
  expect(refusal).toBeInstanceOf(MalformedError)
  return refusal as MalformedError
}

/** Bytes that are not random, the same in each run. */
export function filled(length: number, start = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (start + i * 7) & 0xff)
}
