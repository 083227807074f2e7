import type { CredentialOptions } from 'procura/vault'
import { memoryVault } from 'procura/vault/memory'

/**
 * Checks the name and the rules of a credential before its secret is asked for. CLI-19
 *
 * @throws ArgumentError when they are invalid.
 */
export function checkRules(name: string, rules: CredentialOptions): void {
  // A vault in memory checks them as a file does, and is discarded.
  memoryVault({ [name]: { ...rules, secret: 'placeholder' } })
}
