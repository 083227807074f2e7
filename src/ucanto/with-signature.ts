import type { OpenToken } from './open-token.ts'

/** Where the frame of the signature begins: behind the head of the map, the key `s` and the head of the byte string. */
const frameStart = 5

/**
 * The bytes that a token has with another signature of the same algorithm. `s` is the first field of a token, and a
 * frame ends with the signature, so that it is exchanged where it stands.
 */
export function withSignature({ bytes }: Pick<OpenToken, 'bytes'>, raw: Uint8Array): Uint8Array {
  const changed = new Uint8Array(bytes)
  const frameLength = bytes[frameStart - 1] as number
  changed.set(raw, frameStart + frameLength - raw.length)
  return changed
}
