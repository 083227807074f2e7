/**
 * Names as people pass them on: the text of a CID.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { MalformedError } from '../errors.ts'
import { decodeBase32, decodeBase58btc, decodeHex } from './base.ts'
import { isTokenCid, maxCidBytes, readCid } from './cid.ts'

/**
 * Reads a CID of any codec and hash, from its bytes or from its text in base58btc (`z`), base32 (`b`) or hexadecimal
 * (`f`).
 *
 * @throws MalformedError for bytes that are not exactly one CID, and CID-04 for other text, or what is neither
 */
export function parseCid(input: string | Uint8Array): CID {
  if (input instanceof Uint8Array) return readCid(input)
  if (typeof input !== 'string') throw new MalformedError('CID-04', 'a cid is read from its bytes or its text')
  const cid = readCid(bytesOfText(input))
  // Version 0 has no multibase letter, so it is no version 0 when it came with one.
  if (cid.version === 0) throw new MalformedError('CID-04', 'a version 0 cid has no multibase letter')
  return cid
}

/**
 * Reads the CID of a token: version 1, DAG-CBOR, SHA-256, 32 bytes and nothing else.
 *
 * @throws MalformedError CID-02 when it is another kind of CID, or as {@link parseCid} when it is none
 */
export function parseTokenCid(input: string | Uint8Array): CID {
  const cid = parseCid(input)
  if (!isTokenCid(cid)) {
    throw new MalformedError('CID-02', 'a token is named by a version 1 cid of dag-cbor and sha-256', {
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
      throw new MalformedError('CID-04', 'the text of a cid begins with z, b or f')
  }
}
