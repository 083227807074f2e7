import { table } from '../check-options.ts'
import { quote, VaultError } from '../errors.ts'
import { type Clock, systemClock } from '../time.ts'
import { checkConfiguration, secretValue, vaultForms } from './configuration.ts'
import { createVault, type VaultOptions } from './create-vault.ts'
import type { CredentialRules } from './credential.ts'
import { createMutex, type Mutex } from './mutex.ts'
import { Secret } from './secret.ts'
import type { SecretSource } from './source.ts'
import type { Vault } from './vault.ts'

/** A secret as a program has it: text, bytes, named fields, or wrapped already. */
export type SecretValue = string | Uint8Array | Secret | Readonly<Record<string, string>>

/** A credential of {@link memoryVault}: its secret, and the rules of its use. */
export interface MemoryCredential extends CredentialRules {
  readonly secret: SecretValue
}

/**
 * A vault that keeps its secrets in the memory of this process.
 *
 * @param credentials - by name; a text alone is a secret that can only be leased.
 * @throws {@link VaultError} `ERR_VAULT_CONFIGURATION`.
 */
export function memoryVault(
  credentials: Readonly<Record<string, string | MemoryCredential>>,
  options: VaultOptions = {},
): Vault {
  checkConfiguration('memory vault', options, vaultForms)
  checkConfiguration('memory vault', { credentials }, { credentials: table })
  const secrets = new Map<string, Secret>()
  const rules: Record<string, CredentialRules> = Object.create(null)
  for (const [reference, given] of Object.entries(credentials)) {
    const credential: MemoryCredential = typeof given === 'string' ? { secret: given } : given
    checkConfiguration(`memory vault: credential ${quote(reference)}`, credential, { secret: secretValue })
    secrets.set(reference, toSecret(credential.secret, reference))
    rules[reference] = credential
  }
  const source = memorySource('memory', secrets, options.clock ?? systemClock)
  return createVault({ ...options, source, credentials: rules })
}

/** A source over secrets in memory. It owns them. */
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
        readAt: Math.floor(clock.now()),
      }
    },
    async replace(reference, { secret, expectedVersion }) {
      const entry = kept.get(reference)
      if (entry === undefined || String(entry.version) !== expectedVersion) {
        throw new VaultError('ERR_VAULT_INTEGRITY', 'the secret was replaced by somebody else')
      }
      kept.set(reference, { secret: secret.copy(), version: entry.version + 1 })
      entry.secret.dispose()
      return String(entry.version + 1)
    },
    exclusively: (reference, task) => (mutexes.get(reference) ?? createMutex())(task),
  }
}

/**
 * Wraps a secret; one that is wrapped already is copied.
 *
 * @throws {@link VaultError} `ERR_VAULT_CONFIGURATION` when it is empty, or none of these.
 */
export function toSecret(value: SecretValue, reference: string): Secret {
  checkConfiguration(`credential ${quote(reference)}`, { secret: value }, { secret: secretValue })
  if (Secret.is(value)) return value.copy()
  return typeof value === 'string' || value instanceof Uint8Array ? new Secret(value) : Secret.ofFields(value)
}
