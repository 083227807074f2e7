import { ArgumentError } from '../../errors.ts'
import { type OptionCheck, objectValue } from '../../support/options.ts'
import type { WebCryptoKey } from '../../support/web-crypto-key.ts'

/** A secret for HMAC-SHA-256: at least 32 bytes, or a `CryptoKey` for HMAC with SHA-256 that may `sign`. */
export type SecretKey = Uint8Array | WebCryptoKey

/** A secret key; a `CryptoKey` is one when it says that it is of HMAC and may sign. */
export const secretKeyCheck: OptionCheck = (value) => {
  if (value instanceof Uint8Array) return value.length >= 32 ? undefined : 'must have 32 bytes or more'
  const { algorithm, usages } = (objectValue(value) === undefined ? value : {}) as Partial<WebCryptoKey>
  const usable = algorithm?.name === 'HMAC' && usages?.includes('sign') === true
  return usable ? undefined : 'must be a Uint8Array of 32 bytes or more, or a CryptoKey for HMAC'
}

/** Returns the 32 bytes of HMAC-SHA-256 of a text in UTF-8. */
export async function hmacSha256(key: SecretKey, text: string): Promise<Uint8Array> {
  const usable = key instanceof Uint8Array ? await importSecretKey(key) : key
  return new Uint8Array(await crypto.subtle.sign('HMAC', usable, new TextEncoder().encode(text)))
}

/**
 * Makes a `CryptoKey` of bytes, once, instead of with each use. It cannot be read out.
 *
 * @throws ArgumentError when there are fewer than 32 bytes.
 */
export async function importSecretKey(bytes: Uint8Array): Promise<WebCryptoKey> {
  if (!(bytes instanceof Uint8Array) || bytes.length < 32) {
    throw new ArgumentError('a secret key is a Uint8Array of 32 bytes or more')
  }
  return crypto.subtle.importKey('raw', bytes.slice(), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}
