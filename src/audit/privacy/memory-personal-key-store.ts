import { AuditError } from '../../errors.ts'
import { generatePersonalKey, type MemoryPersonalKeyStore } from './personal-key-store.ts'

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
