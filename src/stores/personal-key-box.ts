// node only: HMAC

/**
 * Keys for personal data, encrypted for a shared store. STO-03
 *
 * @module
 */

import { createHmac } from 'node:crypto'
import { AuditError, StoreError } from '../errors.ts'
import type { WebCryptoKey } from '../support/web-crypto-key.ts'
import type { StoreSecret } from './keyed-names.ts'

/** Encrypts keys with a key that is derived from the secret of a store. */
export interface PersonalKeyBox {
  /** Generates a key and returns it encrypted. `name` is bound to it. */
  generate(name: string): Promise<Uint8Array>
  /**
   * Returns a key that is not extractable.
   *
   * @throws StoreError when the bytes were not made for this name and secret.
   */
  open(name: string, sealed: Uint8Array): Promise<WebCryptoKey>
}

const ivBytes = 12

/** Returns the box of one secret. */
export function personalKeyBox(secret: StoreSecret): PersonalKeyBox {
  const bytes = new Uint8Array(createHmac('sha256', secret).update('encryption of personal keys').digest())
  const ready = crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  const parameters = (name: string, iv: Uint8Array<ArrayBuffer>) => ({
    name: 'AES-GCM',
    iv,
    additionalData: new TextEncoder().encode(name),
  })
  return Object.freeze({
    async generate(name: string) {
      const iv = crypto.getRandomValues(new Uint8Array(ivBytes))
      const key = crypto.getRandomValues(new Uint8Array(32))
      const sealed = await crypto.subtle.encrypt(parameters(name, iv), await ready, key)
      key.fill(0)
      return Buffer.concat([iv, new Uint8Array(sealed)])
    },
    async open(name: string, sealed: Uint8Array) {
      const all = new Uint8Array(sealed)
      try {
        const key = await crypto.subtle.decrypt(
          parameters(name, all.slice(0, ivBytes)),
          await ready,
          all.slice(ivBytes),
        )
        return await crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt'])
      } catch (cause) {
        throw new StoreError('a key for personal data cannot be decrypted: it is damaged', { cause })
      }
    },
  })
}

/** The error of a name whose key was destroyed. */
export function destroyedKey(): AuditError {
  return new AuditError('ERR_AUDIT_ERASED', 'the key of this person was destroyed, so personal data cannot be recorded')
}
