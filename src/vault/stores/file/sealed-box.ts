// node only: uses node:crypto
/**
 * The encryption of a file of JSON that is opened whole: of signers, and of delegations.
 *
 * @module
 */

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { decodeBase64url, encodeBase64url } from '../../../core/ipld/base.ts'
import { concatBytes } from '../../../core/ipld/bytes.ts'
import { integerFrom, nonEmptyString, oneOfStrings, readOptions } from '../../../support/options.ts'
import { type FileKeys, isAcceptable, type KeyDerivation } from './key.ts'

/** The fields of an encrypted file. */
export interface SealedFields {
  readonly encryption: EncryptionFields
  /** Nonce, ciphertext and tag, as base64url. */
  readonly box: string
}

interface EncryptionFields {
  readonly kind: KeyDerivation['kind']
  readonly salt: string
  readonly cost: number
}

/** A box that was read, before it is decrypted. */
export interface SealedBox {
  readonly derivation: KeyDerivation
  readonly box: Uint8Array
}

/**
 * Encrypts bytes with AES-256-GCM under a new nonce.
 *
 * @param bound - the associated data: the box opens only beside exactly these bytes.
 */
export function sealBox(plain: Uint8Array, bound: Uint8Array, { derivation, records }: FileKeys): SealedFields {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', records, nonce)
  cipher.setAAD(bound)
  const box = concatBytes([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  const { kind, salt, cost } = derivation
  return { encryption: { kind, salt: encodeBase64url(salt), cost }, box: encodeBase64url(box) }
}

/**
 * Reads the fields of an encrypted file. Nothing of it is authenticated yet.
 *
 * @param mostBytes - the most bytes of a field.
 * @param damaged - makes the error that is thrown for malformed fields.
 */
export function readBox(
  fields: { readonly encryption: unknown; readonly box: string },
  mostBytes: number,
  damaged: (what: string) => Error,
): SealedBox {
  const decoded = (text: string): Uint8Array => {
    try {
      return decodeBase64url(text, mostBytes)
    } catch {
      throw damaged('its bytes are not base64url')
    }
  }
  const { kind, salt, cost } = readOptions('the encryption', fields.encryption as EncryptionFields, checks, damaged)
  const derivation: KeyDerivation = { kind, salt: decoded(salt), cost }
  if (!isAcceptable(derivation)) throw damaged('its encryption is not supported by this version')
  return { derivation, box: decoded(fields.box) }
}

/**
 * Decrypts a box.
 *
 * @throws an error of the platform when the key is another one, or the box or `bound` was changed.
 */
export function openBox({ box }: Pick<SealedBox, 'box'>, bound: Uint8Array, { records }: FileKeys): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', records, box.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(bound)
  decipher.setAuthTag(box.subarray(-16))
  return concatBytes([decipher.update(box.subarray(12, -16)), decipher.final()])
}

const checks = Object.freeze({
  kind: oneOfStrings('scrypt', 'hkdf'),
  salt: nonEmptyString,
  cost: integerFrom(0),
})
