import type { SignatureAlgorithm } from '../did/public-key.ts'
import { decodeCbor } from '../ipld/decode.ts'
import { encodeCbor } from '../ipld/encode.ts'
import type { IpldMap } from '../ipld/value.ts'
import { frameSignature } from './signature-frame.ts'

/** The bytes that a token has with another signature of the same algorithm. */
export function withSignature(
  { bytes }: { readonly bytes: Uint8Array },
  algorithm: SignatureAlgorithm,
  raw: Uint8Array,
): Uint8Array {
  const payload = decodeCbor(bytes) as IpldMap
  return encodeCbor({ ...payload, s: frameSignature(algorithm, raw) })
}
