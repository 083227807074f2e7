/**
 * Keys for the personal data of one person each.
 *
 * @module
 */

import { AuditError } from '../../errors.ts'
import type { WebCryptoKey } from '../../support/web-crypto-key.ts'

/**
 * Keeps a key for each person, apart from the log. To erase the data of a person from the log, destroy the key; the log
 * itself does not change.
 */
export interface PersonalKeyStore {
  /**
   * Resolves to the key of that name; creates it if it does not exist. Rejects with `ERR_AUDIT_ERASED` if it was
   * destroyed.
   */
  obtain(name: string, options: { readonly signal?: AbortSignal | undefined }): Promise<WebCryptoKey>
  /** Resolves to the key, or to undefined if it does not exist or was destroyed. Rejects if that is unknown. */
  find(name: string, options: { readonly signal?: AbortSignal | undefined }): Promise<WebCryptoKey | undefined>
}

/** A key store in memory, which can destroy keys. */
export interface MemoryPersonalKeyStore extends PersonalKeyStore {
  /** Destroys a key finally: no key of that name is created again. */
  destroy(name: string): void
}

/** Makes a key store in the memory of this process: for tests, or if personal data must not outlive the process. */
export function memoryPersonalKeyStore(): MemoryPersonalKeyStore {
  const keys = new Map<string, Promise<CryptoKey> | undefined>()
  return Object.freeze({
    async obtain(name: string) {
      const known = keys.get(name)
      if (known === undefined && keys.has(name)) {
        throw new AuditError(
          'ERR_AUDIT_ERASED',
          'the key of this person was destroyed, so personal data cannot be recorded',
        )
      }
      const key = known ?? crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])
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
