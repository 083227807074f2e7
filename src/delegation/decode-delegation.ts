import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { completeDecoding } from '../envelope/complete-decoding.ts'
import { type DecodeOptions, type Envelope, openEnvelope } from '../envelope/open.ts'
import { MalformedError } from '../errors.ts'
import { copyOf } from '../ipld/bytes.ts'
import { cidOf } from '../ipld/cid.ts'
import type { Delegation } from './delegation.ts'
import { readDelegationPayload } from './payload.ts'

/**
 * Reads a delegation. Its form is checked and its signature is not: what it says may be a lie until `authorize` has
 * looked at the whole chain.
 *
 * @throws {@link MalformedError} when the bytes are not a delegation.
 * @throws {@link ArgumentError} when an option is not of its type.
 */
export async function decodeDelegation(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Delegation> {
  const { limits, accept } = completeDecoding('decodeDelegation', options)
  const envelope = openEnvelope(copyOf(bytes), limits, accept)
  if (envelope.tag.kind !== 'delegation')
    throw new MalformedError('TOK-12', 'the token is an invocation, not a delegation')
  return delegationOf(envelope, cidOf(await backend.sha256(envelope.bytes)))
}

/** Makes the public form of an opened delegation. */
export function delegationOf(envelope: Envelope, cid: CID): Delegation {
  const { tag, algorithm, bytes, payload } = envelope
  const fields = readDelegationPayload(payload, tag.version !== '1.0.0')
  return Object.freeze({ kind: 'delegation', ...fields, version: tag.version, algorithm, cid, bytes })
}
