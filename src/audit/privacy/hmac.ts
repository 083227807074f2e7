import { ArgumentError } from '../../errors.ts'
import { type OptionCheck, objectValue } from '../../support/options.ts'
import type { WebCryptoKey } from '../../support/web-crypto-key.ts'

/** A secret for HMAC-SHA-256: at least 32 bytes, or a `CryptoKey` for HMAC with SHA-256 that may `sign`. */
export type SecretKey = Uint8Array | WebCryptoKey

/** A secret key. The algorithm and usages of a `CryptoKey` are checked. */
export const secretKeyCheck: OptionCheck = (value) => {
  if (value instanceof Uint8Array) return value.length >= 32 ? undefined : 'must be a Uint8Array of 32 bytes or more'
  const { algorithm, usages } = (objectValue(value) === undefined ? value : {}) as Partial<WebCryptoKey>
  const usable = algorithm?.name === 'HMAC' && usages?.includes('sign') === true
  return usable ? undefined : 'must be a Uint8Array of 32 bytes or more, or a CryptoKey for HMAC'
}

/** Returns the 32 bytes of HMAC-SHA-256 of a string in UTF-8. */
export async function hmacSha256(key: SecretKey, text: string): Promise<Uint8Array> {
  const usable = key instanceof Uint8Array ? await importSecretKey(key) : key
  return new Uint8Array(await crypto.subtle.sign('HMAC', usable, new TextEncoder().encode(text)))
}

/**
 * Imports bytes as a `CryptoKey` that is not extractable. Import a key once, instead of with each use.
 *
 * @throws ArgumentError when `bytes` is not a Uint8Array of 32 bytes or more.
 */
export async function importSecretKey(bytes: Uint8Array): Promise<WebCryptoKey> {
  if (!(bytes instanceof Uint8Array) || bytes.length < 32) {
    throw new ArgumentError('importSecretKey: `bytes` must be a Uint8Array of 32 bytes or more')
  }
  return crypto.subtle.importKey('raw', new Uint8Array(bytes), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
}
