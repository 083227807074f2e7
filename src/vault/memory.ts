import { table } from '../check-options.ts'
import { quote } from '../errors.ts'
import { systemClock } from '../time.ts'
import { checkConfiguration, secretValue, vaultForms } from './configuration.ts'
import { createVault, type VaultOptions } from './create-vault.ts'
import type { CredentialRules } from './credential.ts'
import { memorySource } from './memory-source.ts'
import type { Secret } from './secret.ts'
import { type SecretValue, toSecret } from './secret-value.ts'
import type { Vault } from './vault.ts'

export type { SecretValue } from './secret-value.ts'

/** A credential of {@link memoryVault}: its secret, and the rules of its use. */
export interface MemoryCredential extends CredentialRules {
  readonly secret: SecretValue
}

/**
 * A vault that keeps its secrets in the memory of this process.
 *
 * @param credentials - by name; a text alone is a secret that can only be leased.
 * @throws VaultError `ERR_VAULT_CONFIGURATION`.
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
