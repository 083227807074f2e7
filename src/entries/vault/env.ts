// node only: reads process.env
/**
 * `procura/vault/env`: a vault over environment variables.
 *
 * @module
 */

export { envVault } from '../../vault/stores/env/env-vault.ts'
