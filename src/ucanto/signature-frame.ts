/**
 * Signatures of UCAN 0.9.1: a code for the algorithm, the length, and the raw signature.
 *
 * @module
 */

import type { SignatureAlgorithm } from '../core/did/public-key.ts'
import { bytesEqual } from '../core/ipld/bytes.ts'
import { cidOf } from '../core/ipld/cid.ts'
import { decodeVarint } from '../core/ipld/varint.ts'
import type { CryptoBackend } from '../core/principal/backend/backend.ts'
import { twinSignature } from '../core/principal/signature.ts'
import { MalformedError } from '../errors.ts'
import { isPromiseLike } from '../support/promise.ts'

/** The names of an algorithm in this format. */
export interface AlgorithmName {
  readonly algorithm: SignatureAlgorithm
  /** The `alg` of the signed text. */
  readonly alg: 'EdDSA' | 'ES256' | 'ES256K'
  readonly code: number
}

/** Length of every supported signature, in bytes. */
const rawBytes = 64

/** The frame in the token of an absent issuer: the code 0xd000, no bytes, and an algorithm without a name. */
const absentFrame = Uint8Array.of(0x80, 0xa0, 0x03, 0x00)

const names: readonly AlgorithmName[] = [
  { algorithm: 'Ed25519', alg: 'EdDSA', code: 0xd0ed },
  { algorithm: 'ES256', alg: 'ES256', code: 0xd01200 },
  { algorithm: 'ES256K', alg: 'ES256K', code: 0xd0e7 },
]

/** A signature without its frame. */
export interface FramedSignature extends AlgorithmName {
  /** 64 bytes. */
  readonly raw: Uint8Array
}

/** Whether a frame is the frame of an absent issuer, who did not sign. */
export function isAbsentFrame(bytes: unknown): boolean {
  return bytes instanceof Uint8Array && bytesEqual(bytes, absentFrame)
}

/** The frame in the token of an absent issuer, as a copy. */
export function absentSignatureFrame(): Uint8Array {
  return absentFrame.slice()
}

/**
 * Reads the frame of a signature.
 *
 * @throws MalformedError when the frame is anything but a supported code, the length and 64 bytes.
 */
export function readSignatureFrame(bytes: unknown): FramedSignature {
  if (!(bytes instanceof Uint8Array)) throw new MalformedError('UCT-18', '`s` must be bytes')
  const [code, codeLength] = decodeVarint(bytes)
  const name = names.find((candidate) => candidate.code === code)
  if (name === undefined) {
    throw new MalformedError('UCT-19', `the signature algorithm 0x${code.toString(16)} is not supported`, {
      kind: 'unsupported',
    })
  }
  // The length and the end are checked too, because bytes after the signature would not be signed.
  const start = codeLength + 1
  if (bytes[codeLength] !== rawBytes || bytes.length !== start + rawBytes) {
    throw new MalformedError('UCT-18', `a signature must have exactly ${rawBytes} bytes`)
  }
  return { ...name, raw: bytes.subarray(start) }
}

/** The names of an algorithm. */
export function algorithmName(algorithm: SignatureAlgorithm): AlgorithmName {
  return names.find((name) => name.algorithm === algorithm) as AlgorithmName
}

/** Offset of the frame in a token: after the head of the map, the key `s` and the head of the byte string. */
const frameStart = 5

/**
 * The bytes of a token with another signature of the same algorithm. `s` is the first field of a token, and its frame
 * ends with the signature, so the signature can be replaced in place.
 */
export function withSignature({ bytes }: { readonly bytes: Uint8Array }, raw: Uint8Array): Uint8Array {
  const changed = new Uint8Array(bytes)
  const frameLength = bytes[frameStart - 1] as number
  changed.set(raw, frameStart + frameLength - raw.length)
  return changed
}

/** The CID of a token with its other ECDSA signature. Undefined when its algorithm has one signature only. */
export function twinName(
  token: { readonly bytes: Uint8Array; readonly signature: FramedSignature | undefined },
  backend: Pick<CryptoBackend, 'sha256'>,
): string | undefined | Promise<string> {
  const { signature } = token
  const twin = signature && twinSignature(signature.algorithm, signature.raw)
  if (twin === undefined) return undefined
  const digest = backend.sha256(withSignature(token, twin))
  return isPromiseLike(digest) ? digest.then((bytes) => cidOf(bytes).toString()) : cidOf(digest).toString()
}
