/**
 * Makes an envelope: encodes, signs, wraps.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { type Bounds, defaultBounds } from '../../bounds.ts'
import { ArgumentError } from '../../errors.ts'
import { cidOf } from '../ipld/cid.ts'
import { encodeCbor } from '../ipld/encode.ts'
import type { IpldMap } from '../ipld/value.ts'
import { signWith } from '../principal/checked-signature.ts'
import { signatureLength } from '../principal/signature.ts'
import type { Signer } from '../principal/signer.ts'
import type { Payload } from './fields.ts'
import { type Envelope, openEnvelope } from './open.ts'
import { payloadTag, type TokenKind } from './payload-tag.ts'
import { varsigHeader } from './varsig.ts'

/** A token to be made. */
export interface Sealing<Fields> {
  readonly kind: TokenKind
  readonly payload: IpldMap
  readonly signer: Signer
  readonly signal: AbortSignal | undefined
  /** Reads the fields of the payload, as a reader of the token does. Throws when they are invalid. */
  readonly read: (payload: Payload) => Fields
  /** Called before the token is signed. If it throws, nothing is signed. */
  readonly check?: (() => void) | undefined
  /** The bounds of its readers. Default: the default bounds. */
  readonly bounds?: Bounds | undefined
}

/** A new envelope. */
export interface SealedEnvelope<Fields> {
  readonly envelope: Envelope
  /** The fields as they were signed. */
  readonly fields: Fields
  readonly cid: CID
}

/** The heads of a list of two and of a byte string of 64, and room for the signature. */
const unsignedHead = Uint8Array.of(0x82, 0x58, signatureLength, ...new Uint8Array(signatureLength))

/**
 * Signs a payload and puts it into an envelope.
 *
 * The payload is read at once, so later changes by the caller have no effect. The envelope is read back by the strict
 * reader before it is signed (ENV-08), with zeros in place of the signature, on which the reader does not depend.
 *
 * @throws SigningError when the signer fails, or returns a signature that its own key does not verify.
 * @throws ArgumentError when the payload cannot be encoded, or is too large for the signer or a token.
 * @throws MalformedError when a field is invalid.
 */
export async function sealEnvelope<Fields>(sealing: Sealing<Fields>): Promise<SealedEnvelope<Fields>> {
  const { kind, payload, signer, signal, read, check, bounds = defaultBounds } = sealing
  const body = { h: varsigHeader(signer.algorithm), [payloadTag(kind)]: payload }
  const bytes = encodeCbor(body, kind, bounds, unsignedHead)
  const length = bytes.length - unsignedHead.length
  const most = Math.min(signer.maxMessageBytes ?? Number.POSITIVE_INFINITY, bounds.tokenBytes - unsignedHead.length)
  if (length > most) {
    throw new ArgumentError(
      `the ${kind} must have at most ${most} bytes to sign (got ${length}); shorten its policy, arguments or meta`,
    )
  }
  const unsigned = openEnvelope(bytes, bounds)
  const fields = read(unsigned.payload)
  check?.()
  const signature = await signWith(signer, unsigned.signed, signal)
  bytes.set(signature, unsignedHead.length - signatureLength)
  return { envelope: { ...unsigned, signature }, fields, cid: cidOf(await backend.sha256(bytes)) }
}
