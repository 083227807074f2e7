import { backend as platform } from '#backend'
import { encodeCbor } from '../../core/ipld/encode.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import type { IpldMap } from '../../core/ipld/value.ts'
import { ArgumentError } from '../../errors.ts'
import { byteArray, callback, nonEmptyString, objectValue, readOptions, withDefault } from '../../support/options.ts'
import type { Sha256 } from '../events/record.ts'
import { hmacSha256, type SecretKey, secretKeyCheck } from './hmac.ts'

/** Options of {@link hashArguments}. */
export interface HashArgumentsOptions {
  /** The arguments, as signed. */
  readonly args: IpldMap
  /** The salt of one record, from {@link argumentSalt}. */
  readonly salt: Uint8Array
  /** Default: the platform's. */
  readonly sha256?: Sha256
}

/**
 * Returns the SHA-256 of the salt and the canonical bytes of the arguments, as `sha-256:` and hexadecimal digits.
 * PRV-01
 *
 * Without the salt, the hash reveals nothing; an unsalted hash of a mail address or an amount could be found by trying.
 * A reader who has the arguments and the salt of a record can verify that they are the recorded ones.
 *
 * @throws ArgumentError when the salt is shorter than 16 bytes, or an option is invalid.
 */
export async function hashArguments(options: HashArgumentsOptions): Promise<string> {
  const { args, salt, sha256 } = readOptions('hashArguments', options, {
    args: objectValue,
    salt: byteArray,
    sha256: withDefault(callback, platform.sha256),
  })
  if (salt.length < 16) throw new ArgumentError('hashArguments: `salt` must have 16 bytes or more')
  const bytes = encodeCbor(args, 'args')
  const salted = new Uint8Array(salt.length + bytes.length)
  salted.set(salt)
  salted.set(bytes, salt.length)
  return `sha-256:${encodeHex(await sha256(salted))}`
}

/**
 * Derives the salt of one record, 32 bytes, from a secret key and the `id` of the event. To let an auditor verify one
 * record, disclose its salt, not the key. To make all hashes meaningless, destroy the key.
 *
 * @param key - 32 random bytes or more, kept by the owner of the log.
 * @throws ArgumentError when `key` is not a secret key, or `eventId` is not a non-empty string.
 */
export async function argumentSalt(key: SecretKey, eventId: string): Promise<Uint8Array> {
  readOptions('argumentSalt', { key, eventId }, { key: secretKeyCheck, eventId: nonEmptyString })
  return hmacSha256(key, `procura/audit-arguments@1\0${eventId}`)
}
