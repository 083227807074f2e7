/**
 * `procura/vault/aws`: secrets of AWS Secrets Manager, and temporary keys of AWS roles narrowed to a call.
 *
 * @module
 */

export { assumeRoleSource, assumeRoleVault } from '../../vault/stores/aws/assume-role.ts'
export { secretsManagerSource, secretsManagerVault } from '../../vault/stores/aws/secrets-manager.ts'
