import { decodeBase64 } from '../../../core/ipld/base.ts'
import { VaultError } from '../../../errors.ts'
import {
  type DefaultCheck,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
} from '../../../support/options.ts'
import { type Clock, secondsOf } from '../../../time.ts'
import { hostChecks, readPlaces, type VaultOptions } from '../../configuration.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import type { CredentialOptions } from '../../rules/credential-rules.ts'
import { Secret } from '../../secret.ts'
import type { SecretReading, SecretSource } from '../../source.ts'
import { type AwsOptions, awsChecks, awsClient, awsError } from './client.ts'
import { callAwsJson } from './json-call.ts'

/** A secret of AWS Secrets Manager. */
export interface ManagedSecret {
  /** The name or ARN of the secret, in full. */
  readonly secretId: string
  /** The field of the JSON object to use. Default: the whole text. */
  readonly field?: string
  /** Default `AWSCURRENT`. */
  readonly versionStage?: string
}

/** Options of {@link secretsManagerSource}. */
export interface SecretsManagerSourceOptions extends AwsOptions {
  /** The secrets by name. */
  readonly secrets: Readonly<Record<string, ManagedSecret>>
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** Options of {@link secretsManagerVault}. */
export interface SecretsManagerVaultOptions extends VaultOptions, AwsOptions {
  /** Credentials by name: the secret, and the rules. */
  readonly credentials: Readonly<Record<string, ManagedSecret & CredentialOptions>>
  /** Retries and the circuit breaker, for a service that is slow or unavailable. */
  readonly resilience?: ResilienceOptions
}

/**
 * Makes a vault over AWS Secrets Manager.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function secretsManagerVault(options: SecretsManagerVaultOptions): RemoteVault {
  return remoteVault<AwsOptions, ManagedSecret>(options, {
    of: 'secretsManagerVault',
    serviceChecks: awsChecks,
    placeChecks: () => secretChecks,
    source: (service, secrets) => secretsManagerSource({ ...service, secrets }),
  })
}

/**
 * Makes a source over AWS Secrets Manager (`GetSecretValue`). It cannot store successors, because the service cannot
 * check the current version when it stores one.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function secretsManagerSource(options: SecretsManagerSourceOptions): SecretSource {
  const of = 'secretsManagerSource'
  const { clock, fetch, ...given } = readOptions(of, options, { ...awsChecks, ...hostChecks, secrets: objectValue })
  const client = awsClient(of, 'secretsmanager', given, { clock, fetch })
  const secrets = readPlaces(of, given.secrets, (secret, of) => readOptions(of, secret, secretChecks))
  return {
    name: 'aws-secrets-manager',
    async read(reference, { signal }) {
      const place = secrets.get(reference)
      if (place === undefined) return undefined
      const { secretId, versionStage } = place
      const target = 'secretsmanager.GetSecretValue'
      const input = { SecretId: secretId, VersionStage: versionStage }
      const { fields, code } = await callAwsJson(client, { target, backend: 'aws secretsmanager', signal }, input)
      if (code === undefined) return readingOf(reference, place, fields, secondsOf(clock))
      if (code === 'ResourceNotFoundException') return undefined
      if (code === 'InvalidRequestException')
        throw new VaultError('ERR_VAULT_REVOKED', 'the secret is scheduled for deletion in aws secretsmanager')
      throw awsError('secretsmanager', code)
    },
  }
}

const secretChecks: OptionChecks<ManagedSecret> & { readonly versionStage: DefaultCheck } = Object.freeze({
  secretId: nonEmptyString,
  field: maybe(nonEmptyString),
  versionStage: withDefault(nonEmptyString, 'AWSCURRENT'),
})

function readingOf(
  reference: string,
  place: Required<Pick<ManagedSecret, 'versionStage'>> & ManagedSecret,
  fields: ReadonlyMap<string, unknown>,
  now: number,
): SecretReading {
  const identity = place.secretId.startsWith('arn:') ? fields.get('ARN') : fields.get('Name')
  const stages = fields.get('VersionStages')
  // VLT-41
  if (identity !== place.secretId || !Array.isArray(stages) || !stages.includes(place.versionStage)) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'aws secretsmanager returned a secret or stage other than the requested one',
    )
  }
  const version = fields.get('VersionId')
  if (typeof version !== 'string')
    throw new VaultError('ERR_VAULT_INTEGRITY', 'aws secretsmanager returned no version of the secret')
  const whole = secretOf(fields)
  const secret = place.field === undefined ? whole : whole.part(place.field)
  if (place.field !== undefined) whole.dispose()
  return { reference, secret, version, kind: 'static', downscoped: false, readAt: now }
}

function secretOf(fields: ReadonlyMap<string, unknown>): Secret {
  const string = fields.get('SecretString')
  const binary = fields.get('SecretBinary')
  if (typeof string === 'string' && string !== '') return new Secret(string)
  try {
    if (typeof binary === 'string' && binary !== '') return new Secret(decodeBase64(binary))
  } catch {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'aws secretsmanager returned a binary secret that is not base64')
  }
  throw new VaultError('ERR_VAULT_INTEGRITY', 'aws secretsmanager returned no secret')
}
