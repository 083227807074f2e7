/**
 * Makes an envelope: encodes, signs, wraps.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { ArgumentError } from '../errors.ts'
import { concatBytes } from '../ipld/bytes.ts'
import { cidOf } from '../ipld/cid.ts'
import { encodeCbor } from '../ipld/encode.ts'
import type { IpldMap } from '../ipld/value.ts'
import { defaultLimits } from '../limits.ts'
import { signWith } from '../principal/checked-signature.ts'
import { signatureLength } from '../principal/signature.ts'
import type { Signer } from '../principal/signer.ts'
import { type Envelope, openEnvelope } from './open.ts'
import { payloadTag, type TokenKind } from './payload-tag.ts'
import { varsigHeader } from './varsig.ts'

/** A new envelope. */
export interface SealedEnvelope {
  readonly envelope: Envelope
  readonly cid: CID
}

/** The heads of a list of two and of a byte string of 64. */
const envelopeHead = Uint8Array.of(0x82, 0x58, signatureLength)

/**
 * Signs a payload and puts it into an envelope.
 *
 * The envelope is read back by the strict reader, so a token that other readers would refuse for its form is never
 * returned. The payload is read at once, so later changes by the caller have no effect.
 *
 * @param check - awaited before anything is signed. If it rejects, nothing is signed.
 * @throws SigningError when the signer fails, or returns a signature that its own key does not verify.
 * @throws ArgumentError when the payload cannot be encoded, or is too large for the signer or a token.
 */
export async function sealEnvelope(
  kind: TokenKind,
  payload: IpldMap,
  signer: Signer,
  signal: AbortSignal | undefined,
  check?: () => Promise<void>,
): Promise<SealedEnvelope> {
  const signed = encodeCbor({ h: varsigHeader(signer.algorithm), [payloadTag(kind)]: payload }, kind)
  const most = Math.min(
    signer.maxMessageBytes ?? Number.POSITIVE_INFINITY,
    defaultLimits.tokenBytes - envelopeHead.length - signatureLength,
  )
  if (signed.length > most) {
    throw new ArgumentError(
      `the ${kind} must have at most ${most} bytes to sign (got ${signed.length}); shorten its policy, arguments or meta`,
    )
  }
  if (check !== undefined) await check()
  const signature = await signWith(signer, signed, signal)
  const bytes = concatBytes([envelopeHead, signature, signed])
  return { envelope: openEnvelope(bytes), cid: cidOf(await backend.sha256(bytes)) }
}
