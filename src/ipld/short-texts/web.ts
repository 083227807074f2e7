/**
 * Short strings elsewhere than on Node, where the size of the code counts.
 *
 * @module
 */

/** The general decoder reads every string. */
export function decodeShortText(_bytes: Uint8Array, _position: number, _end: number): string | undefined {
  return undefined
}

/** Returns a string of 32 characters, one for each byte from `at`. */
export function latin1Of32(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 32))
}
