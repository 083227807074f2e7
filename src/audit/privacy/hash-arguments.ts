import { backend as platform } from '#backend'
import { ArgumentError } from '../../errors.ts'
import { encodeHex } from '../../ipld/base.ts'
import { encodeCbor } from '../../ipld/encode.ts'
import type { IpldMap } from '../../ipld/value.ts'
import {
  byteArray as bytesForm,
  callback,
  maybe,
  nonEmptyString,
  objectValue,
  readOptions,
} from '../../support/options.ts'
import type { Sha256 } from '../events/record.ts'
import { hmacSha256, type SecretKey, secretKeyCheck } from './hmac.ts'

/** Options of {@link hashArguments}. */
export interface HashArgumentsOptions {
  /** The arguments, as signed. */
  readonly args: IpldMap
  /** From {@link argumentSalt}: one for each record. */
  readonly salt: Uint8Array
  /** Default: the platform's. */
  readonly sha256?: Sha256
}

/**
 * SHA-256 over the salt and the canonical bytes of the arguments, as `sha-256:` and hexadecimal digits. PRV-01
 *
 * With a salt that nobody knows the hash says nothing: without one, an argument of which there are few, a mail address
 * or an amount, is found by trying. Whoever is shown the arguments and the salt of a record can check that they are the
 * ones that were recorded.
 *
 * @throws ArgumentError when the salt is shorter than 16 bytes, or an option is not of its type.
 */
export async function hashArguments(options: HashArgumentsOptions): Promise<string> {
  readOptions('hashArguments', options, { args: objectValue, salt: bytesForm, sha256: maybe(callback) })
  const { args, salt, sha256 = platform.sha256 } = options
  if (salt.length < 16) throw new ArgumentError('the salt of an argument hash has 16 bytes or more')
  const bytes = encodeCbor(args, 'args')
  const salted = new Uint8Array(salt.length + bytes.length)
  salted.set(salt)
  salted.set(bytes, salt.length)
  return `sha-256:${encodeHex(await sha256(salted))}`
}

/**
 * The salt of one record, 32 bytes, made of a key that stays with the owner of the log and of the `id` of the event. To
 * let somebody check one record hand out its salt, not the key; to make every hash meaningless destroy the key.
 *
 * @param key - 32 random bytes or more.
 * @throws ArgumentError when the key is none, or the event has no `id`.
 */
export async function argumentSalt(key: SecretKey, eventId: string): Promise<Uint8Array> {
  readOptions('argumentSalt', { key, eventId }, { key: secretKeyCheck, eventId: nonEmptyString })
  return hmacSha256(key, `procura/audit-arguments@1\0${eventId}`)
}
