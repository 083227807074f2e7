/**
 * Opening an envelope: `[signature, { h: varsig, "ucan/…": payload }]` (UCAN 1.0.0, "Envelope").
 *
 * @module
 */

import type { SignatureAlgorithm } from '../did/public-key.ts'
import { MalformedError } from '../errors.ts'
import { readByteString, readEnd, readListHead, readValue } from '../ipld/decode.ts'
import { createScanner } from '../ipld/scanner.ts'
import type { TextCache } from '../ipld/text-cache.ts'
import { isMap } from '../ipld/value.ts'
import { defaultLimits, type Limits } from '../limits.ts'
import type { Payload } from './fields.ts'
import { type PayloadTag, parsePayloadTag, type TokenVersion } from './payload-tag.ts'
import { parseVarsigHeader, signatureBytes } from './varsig.ts'

/** An envelope that has been read, and not verified. */
export interface Envelope {
  /** The whole envelope as received. */
  readonly bytes: Uint8Array
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** As the varsig header says; it has still to be that of the issuer's key. */
  readonly algorithm: SignatureAlgorithm
  /** What the payload is. */
  readonly tag: PayloadTag
  /** The decoded payload: a map without prototype. */
  readonly payload: Payload
  /** What was signed: a view of the received bytes, never a second encoding of what was decoded. */
  readonly signed: Uint8Array
  /** Where in `bytes` the fields of the payload begin, each with its name, in the order in which they stand. */
  readonly fieldOffsets: readonly number[]
}

/** Maps inside each other where the fields of the payload stand: envelope, signed part, payload. */
const payloadDepth = 3

/** How tokens are read: options of `authorize` of the same names. */
export interface DecodeOptions {
  /** Bounds on what is read. See {@link Limits} for the defaults. */
  readonly limits?: Partial<Limits>
  /** Versions of the token format to read. Default `['1.0.0']`. */
  readonly accept?: readonly TokenVersion[]
  /** Accepts `aud` equal to `sub` and empty `meta` in 1.0.0 tokens, which some libraries write. Default false. */
  readonly acceptRedundantFields?: boolean
}

/**
 * A field of the payload as received: its name and its value.
 *
 * @param name - of a field that is there.
 */
export function fieldBytes({ bytes, payload, fieldOffsets }: Envelope, name: string): Uint8Array {
  const index = Object.keys(payload).indexOf(name)
  return bytes.subarray(fieldOffsets[index], fieldOffsets[index + 1])
}

/** The versions that are read when nothing is said: the one that is written. */
export const defaultVersions: readonly TokenVersion[] = Object.freeze(['1.0.0'])

/**
 * Reads an envelope strictly: canonical DAG-CBOR, two elements, two keys, nothing after it.
 *
 * @throws MalformedError for anything else.
 */
export function openEnvelope(
  bytes: Uint8Array,
  limits: Limits = defaultLimits,
  accept: readonly TokenVersion[] = defaultVersions,
  texts?: TextCache,
): Envelope {
  const { tokenBytes, depth, items } = limits
  if (bytes.length > tokenBytes) {
    throw new MalformedError('LIM-03', `the token has more than ${tokenBytes} bytes`, { kind: 'too_large' })
  }
  const scanner = createScanner(
    bytes,
    { bytes: tokenBytes, depth, items, stringBytes: tokenBytes },
    { noteKeysAt: payloadDepth, texts },
  )
  if (readListHead(scanner) !== 2) throw new MalformedError('ENV-01', 'an envelope is a list of two')
  const signature = readByteString(scanner)
  // ENV-02: the length is fixed before any key or curve is looked at.
  if (signature.length !== signatureBytes) {
    throw new MalformedError('ENV-02', `a signature has ${signatureBytes} bytes, this one ${signature.length}`)
  }
  const start = scanner.position
  const body = readValue(scanner)
  readEnd(scanner)
  const keys = isMap(body) ? Object.keys(body) : []
  const [h, tagText] = keys
  if (!isMap(body) || keys.length !== 2 || h !== 'h' || tagText === undefined) {
    throw new MalformedError('ENV-03', 'the signed part of an envelope has the key `h` and one type tag')
  }
  if (!(body.h instanceof Uint8Array)) throw new MalformedError('ENV-03', '`h` is not bytes')
  const algorithm = parseVarsigHeader(body.h)
  const tag = parsePayloadTag(tagText, accept)
  const payload = body[tagText]
  if (!isMap(payload)) throw new MalformedError('ENV-07', 'the payload is not a map')
  return { bytes, signature, algorithm, tag, payload, signed: bytes.subarray(start), fieldOffsets: scanner.keysNoted }
}
