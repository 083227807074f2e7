import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { MalformedError } from '../../errors.ts'
import { readOptions } from '../../support/options.ts'
import { ownBytes } from '../../support/own-bytes.ts'
import { completeDecoding, decodingChecks, isLenient } from '../envelope/complete-decoding.ts'
import { copyToken, type DecodeOptions, type Envelope, openEnvelope } from '../envelope/open.ts'
import { cidOf } from '../ipld/cid.ts'
import type { Delegation, DelegationFields } from './delegation.ts'
import { readDelegationPayload } from './payload.ts'

/**
 * Reads a delegation. Its form is checked and its signature is not: do not rely on its fields until `authorize` has
 * allowed a call with the whole chain.
 *
 * @throws MalformedError when the bytes are not a delegation.
 * @throws ArgumentError when an option is not of its type.
 *
 * @example
 * ```ts
 * import { decodeDelegation } from 'procura/token'
 *
 * const { command, policy, expiration } = await decodeDelegation(grant.bytes)
 * ```
 */
export async function decodeDelegation(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Delegation> {
  const decoding = completeDecoding(readOptions('decodeDelegation', options, decodingChecks))
  const envelope = openEnvelope(copyToken(ownBytes(bytes) as Uint8Array), decoding.bounds, decoding.accept)
  if (envelope.tag.kind !== 'delegation')
    throw new MalformedError('TOK-12', 'the token is an invocation, not a delegation')
  return delegationOf(envelope, cidOf(await backend.sha256(envelope.bytes)), isLenient(envelope, decoding))
}

/**
 * Makes the public form of an opened delegation.
 *
 * @param lenient - see {@link isLenient}.
 */
export function delegationOf(envelope: Envelope, cid: CID, lenient: boolean): Delegation {
  return delegationFrom(envelope, readDelegationPayload(envelope.payload, lenient), cid)
}

/** The same, with the fields of its payload. */
export function delegationFrom(envelope: Envelope, fields: DelegationFields, cid: CID): Delegation {
  const { tag, algorithm, bytes } = envelope
  return Object.freeze({ kind: 'delegation', ...fields, version: tag.version, algorithm, cid, bytes })
}
