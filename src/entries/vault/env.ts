// node only: reads process.env
/**
 * `procura/vault/env`: a vault over environment variables.
 *
 * @module
 */

export { type EnvCredential, type EnvVaultOptions, envVault } from '../../vault/stores/env/env-vault.ts'
