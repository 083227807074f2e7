import { VaultError } from '../../../errors.ts'
import { decodeBase64 } from '../../../ipld/base.ts'
import { maybe, nonEmptyString, type OptionChecks, objectValue, readOptions } from '../../../support/options.ts'
import { type Clock, systemClock } from '../../../time.ts'
import { checkEntries, mapEntries, pick, vaultChecks } from '../../configuration.ts'
import type { VaultOptions } from '../../create-vault.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import { type CredentialOptions, ruleChecks } from '../../rules/credential-rules.ts'
import { Secret } from '../../secret.ts'
import type { SecretReading, SecretSource } from '../../source.ts'
import { parseAnswer } from '../http-backend.ts'
import { type AwsOptions, awsChecks, awsClient, awsError } from './client.ts'

/** A secret of AWS Secrets Manager. */
export interface ManagedSecret {
  /** Its name or ARN, in full. */
  readonly secretId: string
  /** The key of the JSON object that is the secret; without it the whole text. */
  readonly field?: string
  /** Default `AWSCURRENT`. */
  readonly versionStage?: string
}

/** Options of {@link secretsManagerSource}. */
export interface SecretsManagerSourceOptions extends AwsOptions {
  /** Secrets by name. */
  readonly secrets: Readonly<Record<string, ManagedSecret>>
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** Options of {@link secretsManagerVault}. */
export interface SecretsManagerVaultOptions extends VaultOptions, AwsOptions {
  /** Credentials by name: where the secret is, and the rules of its use. */
  readonly credentials: Readonly<Record<string, ManagedSecret & CredentialOptions>>
  /** What is done when the service is slow or away. */
  readonly resilience?: ResilienceOptions
}

/**
 * A vault over AWS Secrets Manager.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function secretsManagerVault(options: SecretsManagerVaultOptions): RemoteVault {
  const { region, keys, endpoint, credentials, ...settings } = readOptions('aws secretsmanager vault', options, {
    ...vaultChecks,
    ...awsChecks,
    credentials: objectValue,
    resilience: maybe(objectValue),
  })
  const { clock, fetch } = settings
  const given = checkEntries('aws secretsmanager', credentials, { ...ruleChecks, ...secretChecks })
  const source = secretsManagerSource({
    region,
    keys,
    secrets: mapEntries(given, (credential) => pick<ManagedSecret>(credential, secretChecks)),
    ...(endpoint !== undefined && { endpoint }),
    ...(clock !== undefined && { clock }),
    ...(fetch !== undefined && { fetch }),
  })
  const rules = mapEntries(given, (credential) => pick<CredentialOptions>(credential, ruleChecks))
  return remoteVault({ ...settings, source, credentials: rules })
}

/**
 * A source over AWS Secrets Manager (`GetSecretValue`). It cannot store successors: the service has no way to store one
 * only if nobody else did before.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function secretsManagerSource(options: SecretsManagerSourceOptions): SecretSource {
  const given = readOptions('aws secretsmanager', options, {
    ...awsChecks,
    secrets: objectValue,
    clock: vaultChecks.clock,
    fetch: vaultChecks.fetch,
  })
  const clock = given.clock ?? systemClock
  const client = awsClient('secretsmanager', given, {
    clock,
    fetch: given.fetch ?? ((input, init) => fetch(input, init)),
  })
  const secrets = new Map(Object.entries(checkEntries('aws secretsmanager', given.secrets, secretChecks)))
  return {
    name: 'aws-secrets-manager',
    async read(reference, { signal }) {
      const place = secrets.get(reference)
      if (place === undefined) return undefined
      const { secretId, versionStage = 'AWSCURRENT' } = place
      const answer = await client.post({
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' },
        body: JSON.stringify({ SecretId: secretId, VersionStage: versionStage }),
        signal,
      })
      const fields = parseAnswer(answer, 'aws secretsmanager')
      if (answer.status === 200) return readingOf(reference, place, versionStage, fields, Math.floor(clock.now()))
      const code =
        String(fields.get('__type') ?? '')
          .split('#')
          .at(-1) ?? ''
      if (code === 'ResourceNotFoundException') return undefined
      if (code === 'InvalidRequestException')
        throw new VaultError('ERR_VAULT_REVOKED', 'the secret is being deleted in aws')
      throw awsError('secretsmanager', code)
    },
  }
}

const secretChecks: OptionChecks<ManagedSecret> = Object.freeze({
  secretId: nonEmptyString,
  field: maybe(nonEmptyString),
  versionStage: maybe(nonEmptyString),
})

function readingOf(
  reference: string,
  place: ManagedSecret,
  stage: string,
  fields: ReadonlyMap<string, unknown>,
  now: number,
): SecretReading {
  const identity = place.secretId.startsWith('arn:') ? fields.get('ARN') : fields.get('Name')
  const stages = fields.get('VersionStages')
  // VLT-41
  if (identity !== place.secretId || !Array.isArray(stages) || !stages.includes(stage)) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'aws answered with another secret or stage than the one asked for')
  }
  const version = fields.get('VersionId')
  if (typeof version !== 'string') throw new VaultError('ERR_VAULT_INTEGRITY', 'aws did not say which version it gave')
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
    throw new VaultError('ERR_VAULT_INTEGRITY', 'aws answered with a binary secret that is not base64')
  }
  throw new VaultError('ERR_VAULT_INTEGRITY', 'aws answered without a secret')
}
