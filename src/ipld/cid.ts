/**
 * Names made from content. The CID of a token is computed from its bytes here and never taken from the wire.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { ArgumentError, MalformedError } from '../errors.ts'
import { CidValue } from './cid-value.ts'
import { decodeVarint } from './varint.ts'

const dagCbor = 0x71
const sha256 = 0x12
const digestLength = 32
const tokenCidLength = 4 + digestLength

/** More than any CID in use; an identity CID may carry its content. */
export const maxCidBytes = 128

/**
 * The CID of bytes of DAG-CBOR whose SHA-256 is `digest`: version 1, codec 0x71, multihash 0x12 (UCAN 1.0.0,
 * "Content Identifiers").
 *
 * @param digest - 32 bytes
 * @throws ArgumentError when it has another length
 */
export function cidOf(digest: Uint8Array): CID {
  return cidOfKey(digestKey(digest))
}

/** The same of the {@link digestKey} of the digest. */
export function cidOfKey(key: string): CID {
  if (key.length !== digestLength) throw new ArgumentError(`a SHA-256 digest has 32 bytes, not ${key.length}`)
  // CID-01: made from the digest of received bytes, so a CID cannot be claimed.
  const bytes = new Uint8Array(tokenCidLength)
  bytes[0] = 1
  bytes[1] = dagCbor
  bytes[2] = sha256
  bytes[3] = digestLength
  for (let i = 0; i < digestLength; i++) bytes[i + 4] = key.charCodeAt(i)
  return wrapTokenCid(bytes)
}

/**
 * Reads a CID of any codec and hash from its bytes, which are copied.
 *
 * @throws MalformedError CID-03 for bytes that are not exactly one CID
 */
export function readCid(input: Uint8Array): CID {
  const bytes = new Uint8Array(input)
  if (isTokenCidAt(bytes, 0, bytes.length)) return wrapTokenCid(bytes)
  if (bytes.length === 34 && bytes[0] === sha256 && bytes[1] === digestLength) return new CidValue(bytes)
  return parseVersion1(bytes)
}

/** Tells whether a CID is of the one form that names a token. */
export function isTokenCid(cid: CID): boolean {
  return isTokenCidAt(cid.bytes, 0, cid.bytes.length)
}

/**
 * A digest as a key for `Map` and `Set`: one character a byte. Tables are keyed by this and not by text, of which a CID
 * has several spellings.
 *
 * @param digest - bytes of a hash, or of a CID
 */
export function digestKey(digest: Uint8Array): string {
  // CID-05: the binary form is compared.
  if (digest.length === digestLength) return sha256Key(digest, 0)
  return String.fromCharCode.apply(null, digest as unknown as number[])
}

/** The {@link digestKey} of the digest in a CID that names a token. */
export function tokenKey(cid: CID): string {
  return sha256Key(cid.bytes, tokenCidLength - digestLength)
}

/** Spelled out, as this is asked twice for each proof of each call: handing over an array takes four times as long. */
function sha256Key(d: Uint8Array, at: number): string {
  // biome-ignore format: a table
  return (String.fromCharCode as (...units: (number | undefined)[]) => string)(
    d[at], d[at + 1], d[at + 2], d[at + 3], d[at + 4], d[at + 5], d[at + 6], d[at + 7],
    d[at + 8], d[at + 9], d[at + 10], d[at + 11], d[at + 12], d[at + 13], d[at + 14], d[at + 15],
    d[at + 16], d[at + 17], d[at + 18], d[at + 19], d[at + 20], d[at + 21], d[at + 22], d[at + 23],
    d[at + 24], d[at + 25], d[at + 26], d[at + 27], d[at + 28], d[at + 29], d[at + 30], d[at + 31],
  )
}

/** Whether the bytes from `start` to `end` are the CID of a token. */
export function isTokenCidAt(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    end - start === tokenCidLength &&
    bytes[start] === 1 &&
    bytes[start + 1] === dagCbor &&
    bytes[start + 2] === sha256 &&
    bytes[start + 3] === digestLength
  )
}

/** Makes the CID of 36 bytes that {@link isTokenCidAt} accepted; it keeps them. */
export function wrapTokenCid(bytes: Uint8Array): CID {
  return new CidValue(bytes)
}

function parseVersion1(bytes: Uint8Array): CID {
  if (bytes.length > maxCidBytes) {
    throw new MalformedError('CID-03', `cid is longer than ${maxCidBytes} bytes`, { kind: 'too_large' })
  }
  const [version, versionLength] = decodeVarint(bytes)
  if (version !== 1) throw new MalformedError('CID-03', `cid has version ${version}`)
  const [, codecLength] = decodeVarint(bytes, versionLength)
  const hashAt = versionLength + codecLength
  const [, hashLength] = decodeVarint(bytes, hashAt)
  const [size, sizeLength] = decodeVarint(bytes, hashAt + hashLength)
  const digestAt = hashAt + hashLength + sizeLength
  if (size !== bytes.length - digestAt) throw new MalformedError('CID-03', 'cid does not end where its digest ends')
  return new CidValue(bytes)
}
