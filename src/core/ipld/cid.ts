/**
 * Content identifiers. A CID is an instance of `CID` of `multiformats`. The functions here decide which bytes and texts
 * may become one: that package also accepts numbers with padding, and base58 text with characters beyond Latin-1.
 *
 * @module
 */

import { CID, type MultihashDigest } from 'multiformats/cid'
import { create as createMultihash } from 'multiformats/hashes/digest'
import { ArgumentError, MalformedError } from '../../errors.ts'
import { bytesEqual } from './bytes.ts'
import { multibase32 } from './multibase32.ts'
import { latin1Of32 } from './short-text.ts'

const dagCbor = 0x71
const sha256 = 0x12
const digestLength = 32
const tokenCidLength = 4 + digestLength

/** More than any CID in use; an identity CID may carry its content. */
export const maxCidBytes = 128

/**
 * The multihash of a token's CID. It reads its parts out of the bytes of the CID on demand. A decision needs the bytes
 * alone, and two views for each link would take 2% of its time.
 */
class TokenMultihash implements MultihashDigest {
  readonly #cid: Uint8Array

  constructor(cid: Uint8Array) {
    this.#cid = cid
  }

  get code(): number {
    return sha256
  }

  get size(): number {
    return digestLength
  }

  get digest(): Uint8Array {
    return this.#cid.subarray(tokenCidLength - digestLength)
  }

  get bytes(): Uint8Array {
    return this.#cid.subarray(2)
  }
}

/**
 * The CID of DAG-CBOR bytes whose SHA-256 is `digest`: version 1, codec 0x71, multihash 0x12 (UCAN 1.0.0,
 * "Content Identifiers").
 *
 * @param digest - 32 bytes.
 * @throws ArgumentError when it has another length.
 */
export function cidOf(digest: Uint8Array): CID {
  return cidOfKey(digestKey(digest))
}

/** The CID of the digest that has this {@link digestKey}. */
export function cidOfKey(key: string): CID {
  return wrapTokenCid(tokenCidBytes(key))
}

/** The text of the same CID, without a CID that keeps it. */
export function cidTextOfKey(key: string): string {
  return multibase32(tokenCidBytes(key))
}

function tokenCidBytes(key: string): Uint8Array {
  if (key.length !== digestLength) throw new ArgumentError(`a SHA-256 digest has 32 bytes, not ${key.length}`)
  // CID-01: The CID is made from the digest of received bytes, so it cannot be claimed.
  const bytes = new Uint8Array(tokenCidLength)
  bytes[0] = 1
  bytes[1] = dagCbor
  bytes[2] = sha256
  bytes[3] = digestLength
  for (let i = 0; i < digestLength; i++) bytes[i + 4] = key.charCodeAt(i)
  return bytes
}

/**
 * Reads a CID of any codec and hash from its bytes, which are copied.
 *
 * @throws MalformedError CID-03 when the bytes are not exactly one CID in its shortest form.
 */
export function readCid(input: Uint8Array): CID {
  const bytes = new Uint8Array(input)
  if (isTokenCidAt(bytes, 0, bytes.length)) return wrapTokenCid(bytes)
  if (bytes.length > maxCidBytes) {
    throw new MalformedError('CID-03', `the CID is longer than ${maxCidBytes} bytes`, { kind: 'too_large' })
  }
  const cid = decodeCid(bytes)
  // The library also reads numbers with padding, and more bytes than the digest. Such a CID is written differently.
  if (cid === undefined || !bytesEqual(cid.bytes, bytes)) {
    throw new MalformedError('CID-03', 'the bytes are not exactly one CID in its shortest form')
  }
  return cid
}

/** Puts a CID together from the numbers and the digest that the bytes begin with; undefined when they do not. */
function decodeCid(bytes: Uint8Array): CID | undefined {
  try {
    const { version, codec, multihashCode, digestSize, size } = CID.inspectBytes(bytes)
    if (!Number.isSafeInteger(codec) || !Number.isSafeInteger(multihashCode)) return undefined
    if (version === 0 && digestSize !== digestLength) return undefined
    return CID.create(version, codec, createMultihash(multihashCode, bytes.subarray(size - digestSize, size)))
  } catch {
    return undefined
  }
}

/** Whether a CID is of the one form that names a token. */
export function isTokenCid(cid: CID): boolean {
  return isTokenCidAt(cid.bytes, 0, cid.bytes.length)
}

/**
 * A digest as a key for `Map` and `Set`: one character a byte. Tables are keyed by it because a CID has several texts.
 *
 * @param digest - bytes of a hash, or of a CID.
 */
export function digestKey(digest: Uint8Array): string {
  // CID-05: The binary form is compared.
  if (digest.length === digestLength) return latin1Of32(digest, 0)
  return String.fromCharCode.apply(null, digest as unknown as number[])
}

/** The {@link digestKey} of the digest in the CID of a token. */
export function tokenKey(cid: CID): string {
  return latin1Of32(cid.bytes, tokenCidLength - digestLength)
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

/** Makes the CID of 36 bytes that {@link isTokenCidAt} accepted. It keeps them. */
export function wrapTokenCid(bytes: Uint8Array): CID {
  return new CID(1, dagCbor, new TokenMultihash(bytes), bytes)
}
