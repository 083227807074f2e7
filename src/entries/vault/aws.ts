/**
 * Secrets of AWS Secrets Manager, and temporary keys of AWS roles narrowed to a call.
 *
 * @module
 */

export {
  type AssumedRole,
  type AssumeRoleSourceOptions,
  type AssumeRoleVaultOptions,
  assumeRoleSource,
  assumeRoleVault,
} from '../../vault/stores/aws/assume-role.ts'
export type { AwsOptions } from '../../vault/stores/aws/client.ts'
export {
  type ManagedSecret,
  type SecretsManagerSourceOptions,
  type SecretsManagerVaultOptions,
  secretsManagerSource,
  secretsManagerVault,
} from '../../vault/stores/aws/secrets-manager.ts'
export type { AwsGrant, AwsStatement } from '../../vault/stores/aws/session-policy.ts'
