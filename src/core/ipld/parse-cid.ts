/**
 * CIDs from their texts.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { MalformedError } from '../../errors.ts'
import { decodeBase32, decodeBase58btc } from './base.ts'
import { isTokenCid, maxCidBytes, readCid } from './cid.ts'
import { decodeHex } from './hex.ts'

/**
 * Reads a CID of any codec and hash, from its bytes or from its text in base58btc (`z`), base32 (`b`) or hexadecimal
 * (`f`).
 *
 * @throws MalformedError as {@link readCid} for the bytes, CID-04 when the text is in another
 * base, or `input` is neither bytes nor a string, and as `decodeBase58btc` when the text is not canonical.
 */
export function parseCid(input: string | Uint8Array): CID {
  if (input instanceof Uint8Array) return readCid(input)
  if (typeof input !== 'string') throw new MalformedError('CID-04', 'a CID must be bytes or a string')
  const cid = readCid(bytesOfText(input))
  if (cid.version === 0) throw new MalformedError('CID-04', 'a CID of version 0 has no multibase letter')
  return cid
}

/**
 * Reads the CID of a token: version 1, DAG-CBOR, SHA-256, 32 bytes.
 *
 * @throws MalformedError CID-02 when it is another kind of CID, and as {@link parseCid} when it is not a CID.
 */
export function parseTokenCid(input: string | Uint8Array): CID {
  const cid = parseCid(input)
  if (!isTokenCid(cid)) {
    throw new MalformedError('CID-02', 'the CID of a token must have version 1, dag-cbor and sha-256', {
      kind: 'unsupported',
    })
  }
  return cid
}

function bytesOfText(text: string): Uint8Array {
  switch (text.charAt(0)) {
    case 'z':
      return decodeBase58btc(text.slice(1), maxCidBytes)
    case 'b':
      return decodeBase32(text.slice(1), maxCidBytes)
    case 'f':
      return decodeHex(text.slice(1), maxCidBytes)
    default:
      throw new MalformedError('CID-04', 'the text of a CID must begin with z, b or f')
  }
}
