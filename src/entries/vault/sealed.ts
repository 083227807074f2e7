/**
 * `procura/vault/sealed`: credentials as sealed texts.
 *
 * @module
 */

export {
  generateSealingKey,
  type SealedVaultOptions,
  type SealingKey,
  type SealOptions,
  sealCredential,
  sealedVault,
  sealingPublicKey,
} from '../../vault/stores/sealed/sealed-vault.ts'
