/**
 * Opening an envelope: `[signature, { h: varsig, "ucan/…": payload }]` (UCAN 1.0.0, "Envelope").
 *
 * @module
 */

import { type Bounds, defaultBounds } from '../../bounds.ts'
import { ArgumentError, MalformedError } from '../../errors.ts'
import { refusePromise } from '../../support/options.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import { readByteString, readEnd, readListHead, readValue } from '../ipld/decode.ts'
import { createScanner } from '../ipld/scanner.ts'
import type { TextCache } from '../ipld/text-cache.ts'
import { isMap } from '../ipld/value.ts'
import { signatureLength } from '../principal/signature.ts'
import type { Payload } from './fields.ts'
import { type PayloadTag, parsePayloadTag, type TokenVersion } from './payload-tag.ts'
import { parseVarsigHeader } from './varsig.ts'

/** An envelope that was read. Its signature is not verified. */
export interface Envelope {
  /** The whole envelope as received. */
  readonly bytes: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** From the varsig header. It may differ from the algorithm of the issuer's key. */
  readonly algorithm: SignatureAlgorithm
  /** The kind of the payload, and its version. */
  readonly tag: PayloadTag
  /** The decoded payload: a map without prototype. */
  readonly payload: Payload
  /** The signed bytes: a view of the received bytes, never a second encoding of the payload. */
  readonly signed: Uint8Array
  /** The offset in `bytes` of each field of the payload, name included, in the order of the payload. */
  readonly fieldOffsets: readonly number[]
}

/** The depth of the payload's fields: envelope, signed part, payload. */
const payloadDepth = 3

/** Options for reading tokens. Those of `authorize` have the same names. */
export interface DecodeOptions {
  /** Bounds on the input. See {@link Bounds} for the defaults. */
  readonly bounds?: Partial<Bounds>
  /** Versions of the token format to read. Default `['1.0.0']`. */
  readonly accept?: readonly TokenVersion[]
  /** Accepts `aud` equal to `sub` and empty `meta` in 1.0.0 tokens, which some libraries write. Default false. */
  readonly acceptRedundantFields?: boolean
}

/**
 * The received bytes of a field of the payload: its name and its value.
 *
 * @param name - of a field that the payload has.
 */
export function fieldBytes({ bytes, payload, fieldOffsets }: Envelope, name: string): Uint8Array {
  const index = Object.keys(payload).indexOf(name)
  return bytes.subarray(fieldOffsets[index], fieldOffsets[index + 1])
}

/** The versions that are read by default: the version that is written. */
export const defaultVersions: readonly TokenVersion[] = Object.freeze(['1.0.0'])

/**
 * Reads an envelope strictly: canonical DAG-CBOR, two elements, two keys, no bytes after it.
 *
 * @throws MalformedError for any other input.
 */
export function openEnvelope(
  bytes: Uint8Array,
  bounds: Bounds = defaultBounds,
  accept: readonly TokenVersion[] = defaultVersions,
  texts?: TextCache,
): Envelope {
  const { tokenBytes, depth, items } = bounds
  if (bytes.length > tokenBytes) {
    throw new MalformedError('LIM-03', `the token has more than ${tokenBytes} bytes`, { kind: 'too_large' })
  }
  const scanner = createScanner(
    bytes,
    { bytes: tokenBytes, depth, items, stringBytes: tokenBytes },
    { noteKeysAt: payloadDepth, texts },
  )
  if (readListHead(scanner) !== 2) throw new MalformedError('ENV-01', 'the envelope must be a list of two items')
  const signature = readByteString(scanner)
  // ENV-02: The length is checked before any key or curve is used.
  if (signature.length !== signatureLength) {
    throw new MalformedError('ENV-02', `the signature must have ${signatureLength} bytes (got ${signature.length})`)
  }
  const start = scanner.position
  const body = readValue(scanner)
  readEnd(scanner)
  const keys = isMap(body) ? Object.keys(body) : []
  const [h, tagText] = keys
  if (!isMap(body) || keys.length !== 2 || h !== 'h' || tagText === undefined) {
    throw new MalformedError('ENV-03', 'the signed part of the envelope must have two keys: `h` and a type tag')
  }
  if (!(body.h instanceof Uint8Array)) throw new MalformedError('ENV-03', '`h` must be bytes')
  const algorithm = parseVarsigHeader(body.h)
  const tag = parsePayloadTag(tagText, accept)
  const payload = body[tagText]
  if (!isMap(payload)) throw new MalformedError('ENV-07', 'the payload must be a map')
  return { bytes, signature, algorithm, tag, payload, signed: bytes.subarray(start), fieldOffsets: scanner.keysNoted }
}

/**
 * Copies the bytes of a token, because the caller may change them.
 *
 * @throws ArgumentError when `bytes` is not a `Uint8Array`, from which the platform would make other bytes.
 */
export function copyToken(bytes: Uint8Array): Uint8Array {
  refusePromise('bytes', bytes)
  if (!(bytes instanceof Uint8Array)) {
    throw new ArgumentError('the token must be a Uint8Array; read a container with `openContainer`')
  }
  return new Uint8Array(bytes)
}
