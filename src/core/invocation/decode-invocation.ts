import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { MalformedError } from '../../errors.ts'
import { readOptions } from '../../support/options.ts'
import { ownBytes } from '../../support/own-bytes.ts'
import { completeDecoding, decodingChecks, isLenient } from '../envelope/complete-decoding.ts'
import { copyToken, type DecodeOptions, type Envelope, openEnvelope } from '../envelope/open.ts'
import { cidOf } from '../ipld/cid.ts'
import type { Invocation, InvocationFields } from './invocation.ts'
import { readInvocationPayload } from './payload.ts'
import { taskBytes } from './task.ts'

/**
 * Reads an invocation. Its form is checked and its signature is not: to decide about it, use `authorize`.
 *
 * @throws MalformedError when the bytes are not an invocation.
 * @throws ArgumentError when an option is not of its type.
 */
export async function decodeInvocation(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Invocation> {
  const decoding = completeDecoding(readOptions('decodeInvocation', options, decodingChecks))
  const envelope = openEnvelope(copyToken(ownBytes(bytes) as Uint8Array), decoding.bounds, decoding.accept)
  if (envelope.tag.kind !== 'invocation')
    throw new MalformedError('TOK-13', 'the token is a delegation, not an invocation')
  return invocationOf(envelope, cidOf(await backend.sha256(envelope.bytes)), isLenient(envelope, decoding))
}

/**
 * Makes the public form of an opened invocation.
 *
 * @param lenient - see {@link isLenient}.
 */
export async function invocationOf(envelope: Envelope, cid: CID, lenient: boolean): Promise<Invocation> {
  return invocationFrom(envelope, readInvocationPayload(envelope.payload, lenient), cid)
}

/** The same, with the fields of its payload. */
export async function invocationFrom(envelope: Envelope, fields: InvocationFields, cid: CID): Promise<Invocation> {
  const { tag, algorithm, bytes } = envelope
  const task = cidOf(await backend.sha256(taskBytes(envelope)))
  return Object.freeze({ kind: 'invocation', ...fields, version: tag.version, algorithm, cid, task, bytes })
}
