/**
 * A copy of bytes, whose memory the caller may use for something else during a wait; any other value as it is. A
 * function that reads its input after a wait makes a copy first.
 */
export function ownBytes<T>(input: T | Uint8Array): T | Uint8Array {
  // CTN-12: a proxy of bytes is not a view. It has no memory, and is left to the function that reads it.
  if (!(input instanceof Uint8Array && ArrayBuffer.isView(input))) return input
  // Memory that was transferred to another thread has no length, and cannot be copied.
  return input.length === 0 ? new Uint8Array() : new Uint8Array(input)
}
