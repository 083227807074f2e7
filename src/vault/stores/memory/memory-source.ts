import { VaultError } from '../../../errors.ts'
import { createMutex, type Mutex } from '../../../support/mutex.ts'
import { type Clock, secondsOf } from '../../../time.ts'
import type { Secret } from '../../secret.ts'
import type { SecretSource } from '../../source.ts'

/** Makes a source over secrets in memory, which it owns. */
export function memorySource(name: string, secrets: ReadonlyMap<string, Secret>, clock: Clock): SecretSource {
  const kept = new Map([...secrets].map(([reference, secret]) => [reference, { secret, version: 1 }]))
  const mutexes = new Map<string, Mutex>([...secrets.keys()].map((reference) => [reference, createMutex()]))
  return {
    name,
    async read(reference) {
      const entry = kept.get(reference)
      if (entry === undefined) return undefined
      return {
        reference,
        secret: entry.secret.copy(),
        version: String(entry.version),
        kind: 'static',
        downscoped: false,
        readAt: secondsOf(clock),
      }
    },
    async replace(reference, { secret, expectedVersion }) {
      const entry = kept.get(reference)
      if (entry === undefined || String(entry.version) !== expectedVersion) {
        throw new VaultError('ERR_VAULT_INTEGRITY', 'another call has replaced the secret')
      }
      kept.set(reference, { secret: secret.copy(), version: entry.version + 1 })
      entry.secret.dispose()
      return String(entry.version + 1)
    },
    exclusively: (reference, task) => (mutexes.get(reference) ?? createMutex())(task),
  }
}
