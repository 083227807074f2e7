/**
 * Reads DAG-CBOR piece by piece, for callers that must know where in the bytes a value begins.
 *
 * @module
 */

import { readEnd, readValue, takeBytes } from './decode.ts'
import { createScanner, type DecodeLimits, enter, major, readInitialByte, readLength, refuse } from './scanner.ts'
import type { IpldValue } from './value.ts'

/** A place in the input. Each reader moves it behind what it read, and throws a MalformedError for anything else. */
export interface Cursor {
  /** Offset of the next byte. */
  readonly position: number
  /** Reads the head of a list and steps into it. Returns how many values follow. */
  readArrayHeader(): number
  /** Reads a byte string and returns a copy. */
  readBytes(): Uint8Array
  /** Reads a value of any kind. */
  readValue(): IpldValue
  /** Refuses anything that is left. */
  finish(): void
}

/**
 * A cursor at the first byte. It is as strict as `decodeCbor`.
 *
 * @param limits - see {@link DecodeLimits}; those of a token by default
 * @throws MalformedError when the input is too long
 */
export function createCursor(bytes: Uint8Array, limits?: Partial<DecodeLimits>): Cursor {
  const scanner = createScanner(bytes, limits)
  const expect = (kind: number, name: string): number => {
    const start = scanner.position
    const initial = readInitialByte(scanner)
    if (initial >>> 5 !== kind) throw refuse('CBR-22', `expected a ${name}`, start)
    return initial
  }
  return {
    get position() {
      return scanner.position
    },
    readArrayHeader: () => enter(scanner, expect(major.list, 'list'), 1),
    readBytes: () => takeBytes(scanner, readLength(scanner, expect(major.bytes, 'byte string'))),
    readValue: () => readValue(scanner),
    finish: () => readEnd(scanner),
  }
}
