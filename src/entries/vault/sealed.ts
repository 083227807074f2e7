/**
 * `procura/vault/sealed`: credentials as sealed texts. Install `hpke` for it.
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
