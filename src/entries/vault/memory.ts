/**
 * `procura/vault/memory`: a vault whose credentials are in memory.
 *
 * @module
 */

export type { SecretValue } from '../../vault/secret.ts'
export { memoryVault } from '../../vault/stores/memory/memory-vault.ts'
