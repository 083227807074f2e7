/**
 * Keys for the personal data of one person each.
 *
 * @module
 */

import { AuditError } from '../../errors.ts'
import { flag, readOptions, withDefault } from '../../support/options.ts'
import type { WebCryptoKey } from '../../support/web-crypto-key.ts'

/**
 * Keeps a key for each person in the log, apart from the log. To erase what the log says of a person is to destroy the
 * key here; the log is not touched.
 */
export interface PersonalKeyStore {
  /** Resolves to the key of that name, a new one when there was none. Rejects for one that was destroyed. */
  obtain(name: string, options: { readonly signal?: AbortSignal | undefined }): Promise<WebCryptoKey>
  /** Resolves to the key, or to undefined when there is none or it was destroyed. Rejects when that is not known. */
  find(name: string, options: { readonly signal?: AbortSignal | undefined }): Promise<WebCryptoKey | undefined>
}

/** A key store in memory, and the erasing. */
export interface MemoryPersonalKeyStore extends PersonalKeyStore {
  /** Destroys a key for good: no key of that name is made again. */
  destroy(name: string): void
}

/** Makes a key of the kind that personal data are encrypted with: AES-GCM, 256 bits, not extractable unless asked. */
export async function generatePersonalKey(options: { readonly extractable?: boolean } = {}): Promise<WebCryptoKey> {
  const { extractable } = readOptions('generatePersonalKey', options, { extractable: withDefault(flag, false) })
  return crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, extractable, ['encrypt', 'decrypt'])
}

/** Keys in the memory of this process: for tests, and where personal data shall not outlive the process. */
export function memoryPersonalKeyStore(): MemoryPersonalKeyStore {
  const keys = new Map<string, Promise<CryptoKey> | undefined>()
  return Object.freeze({
    async obtain(name: string) {
      const known = keys.get(name)
      if (known === undefined && keys.has(name)) {
        throw new AuditError(
          'ERR_AUDIT_CONFIGURATION',
          'the key of this person was destroyed; data of them cannot be recorded',
        )
      }
      const key = known ?? generatePersonalKey()
      keys.set(name, key)
      return key
    },
    async find(name: string) {
      return keys.get(name)
    },
    destroy(name: string) {
      keys.set(name, undefined)
    },
  })
}
