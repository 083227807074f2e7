// node only: AES-GCM

/**
 * Entries of a journal of revocations, encrypted for a shared store. STO-10
 *
 * @module
 */

import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { decodeCbor } from '../core/ipld/decode.ts'
import { encodeCbor } from '../core/ipld/encode.ts'
import { entryFromData, entryToData } from '../core/revocation/entry-form.ts'
import type { RevocationEntry } from '../core/revocation/revocation-store.ts'
import { StoreError } from '../errors.ts'
import type { StoreSecret } from './keyed-names.ts'

/** Encrypts entries with a key that is derived from the secret of a store. */
export interface EntryBox {
  seal(entry: RevocationEntry): Uint8Array
  /**
   * Reads an entry.
   *
   * @throws StoreError when the bytes were not made with this secret, or are damaged.
   */
  open(sealed: Uint8Array): RevocationEntry
}

const ivBytes = 12
const tagBytes = 16
const limits = { bytes: 131_072, stringBytes: 65_536 }

/** Returns the box of one secret. */
export function entryBox(secret: StoreSecret): EntryBox {
  const key = createHmac('sha256', secret).update('encryption of revocations').digest()
  return Object.freeze({
    seal(entry: RevocationEntry) {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', key, iv)
      const plain = encodeCbor(entryToData(entry))
      return new Uint8Array(Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]))
    },
    open(sealed: Uint8Array) {
      try {
        const all = Buffer.from(sealed)
        const decipher = createDecipheriv('aes-256-gcm', key, all.subarray(0, ivBytes), { authTagLength: tagBytes })
        decipher.setAuthTag(all.subarray(all.length - tagBytes))
        const plain = Buffer.concat([decipher.update(all.subarray(ivBytes, all.length - tagBytes)), decipher.final()])
        return entryFromData(decodeCbor(plain, limits))
      } catch (cause) {
        throw new StoreError('a revocation of the journal cannot be decrypted: it is damaged', { cause })
      }
    },
  })
}
