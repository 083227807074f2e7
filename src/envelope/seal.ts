/**
 * Making an envelope: encode, sign, wrap.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { ArgumentError } from '../errors.ts'
import { cidOf } from '../ipld/cid.ts'
import { concatBytes } from '../ipld/concat.ts'
import { encodeCbor } from '../ipld/encode.ts'
import type { IpldMap } from '../ipld/value.ts'
import { defaultLimits } from '../limits.ts'
import { signWith } from '../principal/checked-signature.ts'
import type { Signer } from '../principal/signer.ts'
import { type Envelope, openEnvelope } from './open.ts'
import { payloadTag, type TokenKind } from './payload-tag.ts'
import { signatureBytes, varsigHeader } from './varsig.ts'

/** An envelope that was just made. */
export interface SealedEnvelope {
  readonly envelope: Envelope
  readonly cid: CID
}

/** Head of a list of two, then head of a byte string of 64. */
const envelopeHead = Uint8Array.of(0x82, 0x58, signatureBytes)

/**
 * Signs a payload and wraps it up.
 *
 * What comes back has been read again by the same strict reader that will meet it elsewhere: a token that would be
 * refused for its form is never handed out.
 *
 * The payload is read at once: what the caller does to it while the check or the signer works changes nothing.
 *
 * @param check - awaited before anything is signed; when it rejects nothing is.
 * @throws SigningError when the signer fails, or returns something that its own key does not verify.
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
    defaultLimits.tokenBytes - envelopeHead.length - signatureBytes,
  )
  if (signed.length > most) {
    throw new ArgumentError(
      `the ${kind} has ${signed.length} bytes to sign, and at most ${most} can be; shorten its policy, arguments or meta`,
    )
  }
  if (check !== undefined) await check()
  const signature = await signWith(signer, signed, signal)
  const bytes = concatBytes([envelopeHead, signature, signed])
  return { envelope: openEnvelope(bytes), cid: cidOf(await backend.sha256(bytes)) }
}
