import { objectValue, readOptions } from '../../../support/options.ts'
import { readCredentials, type VaultOptions, vaultChecks } from '../../configuration.ts'
import { createVault } from '../../create-vault.ts'
import type { CredentialOptions } from '../../rules/credential-rules.ts'
import { type SecretValue, secretValue, toSecret } from '../../secret.ts'
import type { Vault } from '../../vault.ts'
import { memorySource } from './memory-source.ts'

export type { SecretValue } from '../../secret.ts'

/** A credential of {@link memoryVault}: the secret, and its rules. */
export interface MemoryCredential extends CredentialOptions {
  readonly secret: SecretValue
}

/**
 * Makes a vault that keeps its secrets in the memory of this process.
 *
 * @param credentials - the credentials by name.
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
  const settings = readOptions('memoryVault', options, vaultChecks)
  readOptions('memoryVault', { credentials }, { credentials: objectValue })
  const { places, rules } = readCredentials<Place>('memoryVault', credentials, () => ({ secret: secretValue }))
  const secrets = new Map(
    Object.entries(places).map(([reference, { secret }]) => [reference, toSecret(secret, 'memoryVault')]),
  )
  return createVault({ ...settings, source: memorySource('memory', secrets, settings.clock), credentials: rules })
}

type Place = Pick<MemoryCredential, 'secret'>
