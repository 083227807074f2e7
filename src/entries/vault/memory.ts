/**
 * `procura/vault/memory`: a vault whose credentials are in memory.
 *
 * @module
 */

export { memoryVault } from '../../vault/stores/memory/memory-vault.ts'
