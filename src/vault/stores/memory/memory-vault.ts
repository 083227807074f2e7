import { type OptionChecks, objectValue, readOptions } from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { systemClock } from '../../../time.ts'
import { pick, secretValue, vaultChecks } from '../../configuration.ts'
import { createVault, type VaultOptions } from '../../create-vault.ts'
import { type CredentialOptions, ruleChecks } from '../../rules/credential-rules.ts'
import type { Secret } from '../../secret.ts'
import { type SecretValue, toSecret } from '../../secret-value.ts'
import type { Vault } from '../../vault.ts'
import { memorySource } from './memory-source.ts'

export type { SecretValue } from '../../secret-value.ts'

/** A credential of {@link memoryVault}: its secret, and the rules of its use. */
export interface MemoryCredential extends CredentialOptions {
  readonly secret: SecretValue
}

/**
 * A vault that keeps its secrets in the memory of this process.
 *
 * @param credentials - by name.
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { memoryVault } from 'procura/vault/memory'
 * import { bearer } from 'procura/vault/processors'
 *
 * const vault = memoryVault({
 *   mail: { secret: 'sk-test', origins: ['https://api.example.com'], processor: bearer() },
 * })
 * ```
 */
export function memoryVault(
  credentials: Readonly<Record<string, MemoryCredential>>,
  options: VaultOptions = {},
): Vault {
  const settings = readOptions('memory vault', options, vaultChecks)
  readOptions('memory vault', { credentials }, { credentials: objectValue })
  const secrets = new Map<string, Secret>()
  const rules: Record<string, CredentialOptions> = Object.create(null)
  for (const [reference, given] of Object.entries(credentials)) {
    const credential = readOptions(`memory vault: credential ${quote(reference)}`, given, credentialForms)
    secrets.set(reference, toSecret(credential.secret, reference))
    rules[reference] = pick<CredentialOptions>(credential, ruleChecks)
  }
  const source = memorySource('memory', secrets, settings.clock ?? systemClock)
  return createVault({ ...settings, source, credentials: rules })
}

const credentialForms: OptionChecks<MemoryCredential> = Object.freeze({ ...ruleChecks, secret: secretValue })
