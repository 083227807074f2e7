/**
 * Personal fields, encrypted under a key of the person they concern. The hashes of the log cover the encrypted bytes,
 * so that the log still verifies after the key, and with it the data, is destroyed. PRV-04
 *
 * @module
 */

import { decodeBase64url, encodeBase64url } from '../../core/ipld/base.ts'
import { decodeCbor } from '../../core/ipld/decode.ts'
import { encodeCbor } from '../../core/ipld/encode.ts'
import type { IpldMap } from '../../core/ipld/value.ts'
import { AuditError, MalformedError } from '../../errors.ts'
import { unlessAborted } from '../../support/abort.ts'
import { abortSignal, nonEmptyString, objectValue, readOptions, withMethod } from '../../support/options.ts'
import type { AuditEvent, SealedFields } from '../events/event.ts'
import type { PersonalKeyStore } from './personal-key-store.ts'

/** Options of {@link sealPersonal}. */
export interface SealPersonalOptions {
  /** Name of the key of the person. It is recorded in clear: use a pseudonym, or another name without a meaning. */
  readonly key: string
  readonly keys: PersonalKeyStore
  readonly signal?: AbortSignal | undefined
}

/** Most bytes of DAG-CBOR of the fields of one event. */
const maxFieldBytes = 4096

/**
 * Encrypts fields for the field `personal` of an event.
 *
 * @param fields - for example `{ to: 'ann@example.com' }`.
 * @param event - the `id` of the event. The fields cannot be decrypted in another event.
 * @throws ArgumentError when an argument is invalid; AuditError when the fields are too large, or the key was
 *   destroyed.
 */
export async function sealPersonal(
  fields: IpldMap,
  event: string,
  options: SealPersonalOptions,
): Promise<SealedFields> {
  readOptions('sealPersonal', { fields, event }, { fields: objectValue, event: nonEmptyString })
  const given = readOptions('sealPersonal', options, {
    key: nonEmptyString,
    keys: withMethod('obtain'),
    signal: abortSignal,
  })
  const { key: name, keys, signal } = given
  const plain = encodeCbor(fields, 'fields')
  if (plain.length > maxFieldBytes) {
    throw new AuditError(
      'ERR_AUDIT_CONFIGURATION',
      `the personal fields have ${plain.length} bytes, more than the limit of ${maxFieldBytes}`,
    )
  }
  const key = await unlessAborted(() => keys.obtain(name, { signal }), signal)
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const data = await crypto.subtle.encrypt(algorithm(iv, event, name), key, plain.slice())
  return Object.freeze({ key: name, iv: encodeBase64url(iv), data: encodeBase64url(new Uint8Array(data)) })
}

/**
 * Decrypts the personal fields of an event. Returns undefined if the event has no such fields, or the key was
 * destroyed.
 *
 * @throws ArgumentError when an argument is invalid; AuditError when the fields were changed, or belong to another
 *   event.
 */
export async function openPersonal(
  event: AuditEvent,
  options: { readonly keys: PersonalKeyStore; readonly signal?: AbortSignal | undefined },
): Promise<IpldMap | undefined> {
  readOptions('openPersonal', { event }, { event: objectValue })
  const { keys, signal } = readOptions('openPersonal', options, {
    keys: withMethod('find'),
    signal: abortSignal,
  })
  const sealed = 'personal' in event ? event.personal : undefined
  if (sealed === undefined) return undefined
  if (!isSealed(sealed) || typeof event.id !== 'string') throw broken()
  const key = await unlessAborted(() => keys.find(sealed.key, { signal }), signal)
  if (key === undefined) return undefined
  try {
    const iv = decodeBase64url(sealed.iv, 12)
    const data = decodeBase64url(sealed.data, maxFieldBytes + 16).slice()
    const plain = await crypto.subtle.decrypt(algorithm(iv, event.id, sealed.key), key, data)
    return decodeCbor(new Uint8Array(plain)) as IpldMap
  } catch (cause) {
    if (!(cause instanceof MalformedError) && !(cause instanceof DOMException)) throw cause
    throw broken(cause)
  }
}

/** Whether each part is a string: an event from a log can have any value there. */
function isSealed(sealed: unknown): boolean {
  const { key, iv, data } = Object(sealed) as Partial<Record<string, unknown>>
  return [key, iv, data].every((part) => typeof part === 'string')
}

function broken(cause?: unknown): AuditError {
  return new AuditError('ERR_AUDIT_INTEGRITY', 'the personal fields of an event cannot be decrypted with its key', {
    cause,
  })
}

function algorithm(iv: Uint8Array, event: string, name: string): AesGcmParams {
  const bound = new TextEncoder().encode(`procura/audit-personal@1\0${event}\0${name}`)
  return { name: 'AES-GCM', iv: iv.slice(), additionalData: bound }
}
