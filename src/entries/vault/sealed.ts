/**
 * `procura/vault/sealed`: credentials as sealed texts.
 *
 * @module
 */

export {
  generateSealingKey,
  type SealingKey,
  sealCredential,
  sealedVault,
  sealingPublicKey,
} from '../../vault/stores/sealed/sealed-vault.ts'
