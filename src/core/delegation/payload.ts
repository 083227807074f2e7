/**
 * The payload of a delegation on the wire.
 *
 * @module
 */

import { never } from '../../time.ts'
import { parseCommand } from '../capability/command.ts'
import { parsePolicy } from '../capability/policy/parse-policy.ts'
import { anySubject } from '../capability/subject.ts'
import { parseDid } from '../did/did.ts'
import {
  checkFields,
  type Payload,
  readCommand,
  readDid,
  readExpiration,
  readMeta,
  readNonce,
  readTimestamp,
  type TextReaders,
  writeMeta,
} from '../envelope/fields.ts'
import type { IpldMap, IpldValue } from '../ipld/value.ts'
import type { DelegationFields } from './delegation.ts'

const required: readonly string[] = ['iss', 'aud', 'sub', 'cmd', 'pol', 'nonce', 'exp']
const optional: readonly string[] = ['nbf', 'meta']

/** The fields, with the policy as `P`. */
type FieldsWith<P> = Omit<DelegationFields, 'policy'> & { readonly policy: P }

/**
 * Reads the payload of a delegation.
 *
 * @param emptyMetaAllowed - for tokens written before 1.0.0.
 * @param readers - read DIDs and commands; may remember them.
 * @throws MalformedError when a field is missing, unknown, or not of its type.
 */
export function readDelegationPayload(
  payload: Payload,
  emptyMetaAllowed: boolean,
  readers: TextReaders = { parseDid, parseCommand },
): DelegationFields {
  return readDelegationFields(payload, emptyMetaAllowed, readers, parsePolicy)
}

/** The same, with readers for strings and policies that may be cached. */
export function readDelegationFields<P>(
  payload: Payload,
  emptyMetaAllowed: boolean,
  { parseDid: did, parseCommand: command }: TextReaders,
  policy: (value: IpldValue | undefined) => P,
): FieldsWith<P> {
  checkFields(payload, required, optional)
  const meta = readMeta(payload.meta, emptyMetaAllowed)
  const { iss, sub } = payload
  const issuer = readDid(iss, 'iss', did)
  return {
    issuer,
    audience: readDid(payload.aud, 'aud', did),
    subject: sub === null ? anySubject : sub === iss ? issuer : readDid(sub, 'sub', did),
    command: readCommand(payload.cmd, command),
    policy: policy(payload.pol),
    ...(payload.nbf !== undefined && { notBefore: readTimestamp(payload.nbf, 'nbf') }),
    expiration: readExpiration(payload.exp),
    nonce: readNonce(payload.nonce),
    ...(meta !== undefined && { meta }),
  }
}

/**
 * Writes the payload of a delegation; absent and empty fields are left out. The names are in canonical order, so
 * the encoder need not sort them.
 */
export function writeDelegationPayload(fields: DelegationFields): IpldMap {
  const { notBefore } = fields
  const meta = writeMeta(fields.meta)
  const payload: Record<string, IpldValue> = {
    aud: fields.audience,
    cmd: fields.command,
    exp: fields.expiration === never ? null : fields.expiration,
    iss: fields.issuer,
  }
  if (notBefore !== undefined) payload['nbf'] = notBefore
  payload['pol'] = fields.policy as IpldValue
  payload['sub'] = fields.subject === anySubject ? null : fields.subject
  if (meta !== undefined) payload['meta'] = meta
  payload['nonce'] = fields.nonce
  return payload
}
