/**
 * Varsig 1.0.0 headers: the algorithm of a signature over DAG-CBOR.
 *
 * @module
 */

import { MalformedError } from '../../errors.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { bytesEqual } from '../ipld/bytes.ts'

/**
 * Prefix 0x34, version 1, then: key type, curve, hash, and 0x71 for DAG-CBOR, each a varint. The whole header is
 * compared, so no part of it can be mistaken for a part of another header.
 */
const headers: readonly (readonly [SignatureAlgorithm, Uint8Array])[] = [
  ['Ed25519', Uint8Array.of(0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71)],
  ['ES256', Uint8Array.of(0x34, 0x01, 0xec, 0x01, 0x80, 0x24, 0x12, 0x71)],
  ['ES256K', Uint8Array.of(0x34, 0x01, 0xec, 0x01, 0xe7, 0x01, 0x12, 0x71)],
]

/** The varsig header of tokens signed with `algorithm`. */
export function varsigHeader(algorithm: SignatureAlgorithm): Uint8Array {
  const entry = headers.find(([name]) => name === algorithm)
  if (entry === undefined) throw new MalformedError('ENV-04', 'unknown signature algorithm', { kind: 'unsupported' })
  return entry[1].slice()
}

/**
 * Reads the algorithm from a varsig header.
 *
 * @throws MalformedError ENV-04 for any header but the three above.
 */
export function parseVarsigHeader(header: Uint8Array): SignatureAlgorithm {
  for (const [algorithm, expected] of headers) {
    if (bytesEqual(header, expected)) return algorithm
  }
  throw new MalformedError(
    'ENV-04',
    'the varsig header is not supported: it must be Ed25519, ES256 or ES256K over dag-cbor',
    {
      kind: 'unsupported',
    },
  )
}
