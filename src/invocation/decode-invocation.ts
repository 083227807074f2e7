import type { CID } from 'multiformats/cid'
import { backend } from '#backend'
import { completeDecoding } from '../envelope/complete-decoding.ts'
import { type DecodeOptions, type Envelope, openEnvelope } from '../envelope/open.ts'
import { MalformedError } from '../errors.ts'
import { copyOf } from '../ipld/bytes.ts'
import { cidOf } from '../ipld/cid.ts'
import type { Invocation } from './invocation.ts'
import { readInvocationPayload } from './payload.ts'
import { taskBytes } from './task.ts'

/**
 * Reads an invocation. Its form is checked and its signature is not: to decide about it, use `authorize`.
 *
 * @throws {@link MalformedError} when the bytes are not an invocation.
 * @throws {@link ArgumentError} when an option is not of its type.
 */
export async function decodeInvocation(bytes: Uint8Array, options: DecodeOptions = {}): Promise<Invocation> {
  const { limits, accept } = completeDecoding('decodeInvocation', options)
  const envelope = openEnvelope(copyOf(bytes), limits, accept)
  if (envelope.tag.kind !== 'invocation')
    throw new MalformedError('TOK-13', 'the token is a delegation, not an invocation')
  return invocationOf(envelope, cidOf(await backend.sha256(envelope.bytes)))
}

/** Makes the public form of an opened invocation. */
export async function invocationOf(envelope: Envelope, cid: CID): Promise<Invocation> {
  const { tag, algorithm, bytes, payload } = envelope
  const fields = readInvocationPayload(payload, tag.version !== '1.0.0')
  const task = cidOf(await backend.sha256(taskBytes(envelope)))
  return Object.freeze({ kind: 'invocation', ...fields, version: tag.version, algorithm, cid, task, bytes })
}
