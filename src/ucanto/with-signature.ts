import { decodeCbor } from '../ipld/decode.ts'
import { encodeCbor } from '../ipld/encode.ts'
import type { IpldMap } from '../ipld/value.ts'
import type { OpenToken } from './open-token.ts'
import { frameSignature } from './signature-frame.ts'

/** The bytes that a token has with another signature of the same algorithm. */
export function withSignature({ bytes, signature }: OpenToken, raw: Uint8Array): Uint8Array {
  const payload = decodeCbor(bytes) as IpldMap
  return encodeCbor({ ...payload, s: frameSignature(signature.algorithm, raw) })
}
