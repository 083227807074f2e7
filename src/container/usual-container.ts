/**
 * Splits containers of the usual form, without the general decoder.
 *
 * @module
 */

import type { Limits } from '../limits.ts'

/** The head of a map with one entry, its key, and the head of the key. */
const usualHead: Uint8Array = Uint8Array.of(0xa1, 0x66, 0x63, 0x74, 0x6e, 0x2d, 0x76, 0x31)

/**
 * Reads the tokens of a container whose tokens have 24 to 65,535 bytes, as all valid tokens do, as views of its body.
 * Returns undefined for every other container, which the general reader reads or refuses.
 *
 * @param body - the container without its header, as a plain `Uint8Array`.
 */
export function readUsualContainer(body: Uint8Array, limits: Limits): readonly Uint8Array[] | undefined {
  for (let i = 0; i < usualHead.length; i++) if (body[i] !== usualHead[i]) return undefined
  const head = body[usualHead.length] ?? 0
  const isLong = head === 0x98
  const count = isLong ? (body[usualHead.length + 1] ?? 0) : head - 0x80
  // A number has one form: less than 24 is in the head.
  if (isLong ? count < 24 : count < 0 || count > 23) return undefined
  if (body.length > limits.containerBytes || count > limits.tokens) return undefined
  const tokens: Uint8Array[] = []
  let at = usualHead.length + (isLong ? 2 : 1)
  while (tokens.length < count) {
    const width = (body[at] ?? 0) - 0x57
    const length = width === 1 ? (body[at + 1] ?? 0) : ((body[at + 1] ?? 0) << 8) | (body[at + 2] ?? 0)
    if ((width !== 1 && width !== 2) || length < (width === 1 ? 24 : 256)) return undefined
    const start = at + 1 + width
    at = start + length
    if (at > body.length || length > limits.tokenBytes) return undefined
    tokens.push(body.subarray(start, at))
  }
  return at === body.length ? tokens : undefined
}
