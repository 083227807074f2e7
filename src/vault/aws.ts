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
} from './aws/assume-role.ts'
export type { AwsOptions } from './aws/client.ts'
export {
  type ManagedSecret,
  type SecretsManagerSourceOptions,
  type SecretsManagerVaultOptions,
  secretsManagerSource,
  secretsManagerVault,
} from './aws/secrets-manager.ts'
export type { AwsGrant, AwsStatement } from './aws/session-policy.ts'
