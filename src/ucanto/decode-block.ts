import { decodeCbor } from '../ipld/decode.ts'
import type { IpldValue } from '../ipld/value.ts'
import type { Limits } from '../limits.ts'

/**
 * Decodes a block within the limits of a token.
 *
 * @throws MalformedError when it is not canonical DAG-CBOR, or beyond a limit.
 */
export function decodeBlock(bytes: Uint8Array, { tokenBytes, depth, items }: Limits): IpldValue {
  return decodeCbor(bytes, { bytes: tokenBytes, depth, items, stringBytes: tokenBytes })
}
