/**
 * Signatures of UCAN 0.9.1: a code for the algorithm, the length, and the raw signature.
 *
 * @module
 */

import type { SignatureAlgorithm } from '../did/public-key.ts'
import { MalformedError } from '../errors.ts'
import { bytesEqual } from '../ipld/bytes.ts'
import { cidOf } from '../ipld/cid.ts'
import { decodeVarint } from '../ipld/varint.ts'
import type { CryptoBackend } from '../principal/backend/backend.ts'
import { twinSignature } from '../principal/signature.ts'
import { isPromiseLike } from '../support/promise.ts'
import type { OpenToken } from './open-token.ts'

/** What the ecosystem calls an algorithm, and by which number. */
export interface AlgorithmName {
  readonly algorithm: SignatureAlgorithm
  /** The `alg` of the signed text. */
  readonly alg: 'EdDSA' | 'ES256' | 'ES256K'
  readonly code: number
}

/** Every signature read here has this many bytes. */
const rawBytes = 64

/** What stands for a signature when the issuer is absent: the code 0xd000, no bytes, and an algorithm without a name. */
const absentFrame = Uint8Array.of(0x80, 0xa0, 0x03, 0x00)

const names: readonly AlgorithmName[] = [
  { algorithm: 'Ed25519', alg: 'EdDSA', code: 0xd0ed },
  { algorithm: 'ES256', alg: 'ES256', code: 0xd01200 },
  { algorithm: 'ES256K', alg: 'ES256K', code: 0xd0e7 },
]

/** A signature taken out of its frame. */
export interface FramedSignature extends AlgorithmName {
  /** 64 bytes. */
  readonly raw: Uint8Array
}

/** Whether a frame says that the issuer is absent and did not sign. */
export function isAbsentFrame(bytes: unknown): boolean {
  return bytes instanceof Uint8Array && bytesEqual(bytes, absentFrame)
}

/** What an absent issuer's token carries for a signature. */
export function absentSignatureFrame(): Uint8Array {
  return absentFrame.slice()
}

/**
 * Takes a signature out of its frame.
 *
 * @throws MalformedError when the frame is anything but its code, its length and 64 bytes.
 */
export function readSignatureFrame(bytes: unknown): FramedSignature {
  if (!(bytes instanceof Uint8Array)) throw new MalformedError('UCT-18', '`s` is not bytes')
  const [code, codeLength] = decodeVarint(bytes)
  const name = names.find((candidate) => candidate.code === code)
  if (name === undefined) {
    throw new MalformedError('UCT-19', `signatures with the code 0x${code.toString(16)} are not read here`, {
      kind: 'unsupported',
    })
  }
  // The length and the end are compared too: what stands behind the signature is not signed by anybody.
  const start = codeLength + 1
  if (bytes[codeLength] !== rawBytes || bytes.length !== start + rawBytes) {
    throw new MalformedError('UCT-18', `a signature is framed as ${rawBytes} bytes and nothing else`)
  }
  return { ...name, raw: bytes.subarray(start) }
}

/** What the ecosystem calls an algorithm. */
export function algorithmName(algorithm: SignatureAlgorithm): AlgorithmName {
  return names.find((name) => name.algorithm === algorithm) as AlgorithmName
}

/** Where the frame of the signature begins: behind the head of the map, the key `s` and the head of the byte string. */
const frameStart = 5

/**
 * The bytes that a token has with another signature of the same algorithm. `s` is the first field of a token, and a
 * frame ends with the signature, so that it is exchanged where it stands.
 */
export function withSignature({ bytes }: Pick<OpenToken, 'bytes'>, raw: Uint8Array): Uint8Array {
  const changed = new Uint8Array(bytes)
  const frameLength = bytes[frameStart - 1] as number
  changed.set(raw, frameStart + frameLength - raw.length)
  return changed
}

/** The CID that a token has with its other ECDSA signature; undefined when there is no other. */
export function twinName(
  token: Pick<OpenToken, 'bytes' | 'signature'>,
  backend: Pick<CryptoBackend, 'sha256'>,
): string | undefined | Promise<string> {
  const { signature } = token
  const twin = signature && twinSignature(signature.algorithm, signature.raw)
  if (twin === undefined) return undefined
  const digest = backend.sha256(withSignature(token, twin))
  return isPromiseLike(digest) ? digest.then((bytes) => cidOf(bytes).toString()) : cidOf(digest).toString()
}
