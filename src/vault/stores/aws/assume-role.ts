import { ArgumentError, VaultError } from '../../../errors.ts'
import {
  arrayOf,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
} from '../../../support/options.ts'
import { quote } from '../../../support/quote.ts'
import { type Clock, systemClock, type Timestamp } from '../../../time.ts'
import { checkEntries, mapEntries, parsed, pick, vaultChecks } from '../../configuration.ts'
import type { VaultOptions } from '../../create-vault.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import { type CredentialOptions, ruleChecks } from '../../rules/credential-rules.ts'
import { Secret } from '../../secret.ts'
import type { SecretSource } from '../../source.ts'
import { type AwsOptions, awsChecks, awsClient, awsError } from './client.ts'
import { sessionName } from './session-name.ts'
import { type AwsGrant, sessionPolicies } from './session-policy.ts'

/** A role whose temporary keys are given to calls, each narrowed to what its call does. */
export interface AssumedRole {
  /** `arn:aws:iam::<account>:role/<name>`. */
  readonly roleArn: string
  /** What each command may do; a call without a grant gets no keys. */
  readonly grants: readonly AwsGrant[]
  /** Seconds that the keys live: 900, the least, to 43,200. Default 900. */
  readonly durationSeconds?: number
  /** What the trust policy of the role asks for. */
  readonly externalId?: string
}

/** Options of {@link assumeRoleSource}. */
export interface AssumeRoleSourceOptions extends AwsOptions {
  /** Roles by name. */
  readonly roles: Readonly<Record<string, AssumedRole>>
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** Options of {@link assumeRoleVault}. */
export interface AssumeRoleVaultOptions extends VaultOptions, AwsOptions {
  /** Credentials by name: the role, and the rules of its use; the processor is most often `sigV4`. */
  readonly credentials: Readonly<Record<string, AssumedRole & CredentialOptions>>
  /** What is done when the service is slow or away. */
  readonly resilience?: ResilienceOptions
}

/**
 * A vault that gives calls temporary keys of AWS roles.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function assumeRoleVault(options: AssumeRoleVaultOptions): RemoteVault {
  const { region, keys, endpoint, credentials, ...settings } = readOptions('aws sts vault', options, {
    ...vaultChecks,
    ...awsChecks,
    credentials: objectValue,
    resilience: maybe(objectValue),
  })
  const { clock, fetch } = settings
  const given = checkEntries('aws sts', credentials, { ...ruleChecks, ...roleChecks })
  const source = assumeRoleSource({
    region,
    keys,
    roles: mapEntries(given, (credential) => pick<AssumedRole>(credential, roleChecks)),
    ...(endpoint !== undefined && { endpoint }),
    ...(clock !== undefined && { clock }),
    ...(fetch !== undefined && { fetch }),
  })
  const rules = mapEntries(given, (credential) => pick<CredentialOptions>(credential, ruleChecks))
  return remoteVault({ ...settings, source, credentials: rules })
}

/**
 * A source of temporary keys (`AssumeRole` of AWS STS). The session policy is compiled from the command and the signed
 * arguments of the call, so that the keys do what was delegated although the role could do more. Each invoker
 * has a session name of its own, which CloudTrail records: the beginning of its DID and a hash of the whole.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function assumeRoleSource(options: AssumeRoleSourceOptions): SecretSource {
  const given = readOptions('aws sts', options, {
    ...awsChecks,
    roles: objectValue,
    clock: vaultChecks.clock,
    fetch: vaultChecks.fetch,
  })
  const clock = given.clock ?? systemClock
  const client = awsClient('sts', given, { clock, fetch: given.fetch ?? ((input, init) => fetch(input, init)) })
  const roles = new Map(
    Object.entries(given.roles).map(([name, role]) => [
      name,
      { ...checkRole(name, role), policies: grantsOf(name, role) },
    ]),
  )
  return {
    name: 'aws-sts',
    scope(reference, authorization) {
      const policy = roles.get(reference)?.policies.policyFor(authorization) ?? ''
      return JSON.stringify([authorization.invoker, policy])
    },
    async read(reference, { scope, signal }) {
      const role = roles.get(reference)
      if (role === undefined) return undefined
      const [invoker = '', policy = ''] = JSON.parse(scope) as readonly string[]
      const session = await sessionName(invoker)
      const form = new URLSearchParams({
        Action: 'AssumeRole',
        Version: '2011-06-15',
        RoleArn: role.roleArn,
        RoleSessionName: session,
        DurationSeconds: String(role.durationSeconds),
        Policy: policy,
      })
      if (role.externalId !== undefined) form.set('ExternalId', role.externalId)
      const answer = await client.post({
        headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: form.toString(),
        signal,
      })
      if (answer.status !== 200) throw refusal(element(answer.text, 'Code') ?? '')
      return {
        ...keysOfAnswer(answer.text, role.roleArn, session),
        reference,
        kind: 'derived',
        downscoped: true,
        readAt: Math.floor(clock.now()),
      }
    },
  }
}

function keysOfAnswer(
  text: string,
  roleArn: string,
  session: string,
): { readonly secret: Secret; readonly version: string; readonly expiresAt: Timestamp } {
  const accessKeyId = element(text, 'AccessKeyId')
  const secretAccessKey = element(text, 'SecretAccessKey')
  const sessionToken = element(text, 'SessionToken')
  const expiresAt = Math.floor(Date.parse(element(text, 'Expiration') ?? '') / 1000)
  if (
    accessKeyId === undefined ||
    secretAccessKey === undefined ||
    sessionToken === undefined ||
    Number.isNaN(expiresAt)
  ) {
    throw new VaultError('ERR_VAULT_INTEGRITY', 'aws sts did not answer with temporary keys')
  }
  // VLT-38
  if (element(text, 'Arn') !== sessionArn(roleArn, session)) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'aws sts answered with keys of another role or session than the one asked for',
    )
  }
  // The id is no secret by itself, and CloudTrail names the keys by it.
  return { secret: Secret.ofFields({ accessKeyId, secretAccessKey, sessionToken }), version: accessKeyId, expiresAt }
}

/** `arn:aws:iam::1:role/path/name` assumed as `s` is `arn:aws:sts::1:assumed-role/name/s`. */
function sessionArn(roleArn: string, session: string): string {
  const [, partition = '', , , account = '', resource = ''] = roleArn.split(':')
  return `arn:${partition}:sts::${account}:assumed-role/${resource.split('/').at(-1) ?? ''}/${session}`
}

/** The text of the one element of a name in the XML of STS; its values need no more entities than these. */
function element(xml: string, name: string): string | undefined {
  const [before, after, ...more] = xml.split(`<${name}>`)
  const end = after?.indexOf(`</${name}>`) ?? -1
  if (before === undefined || after === undefined || more.length > 0 || end < 0) return undefined
  const content = after.slice(0, end)
  return content.includes('<')
    ? undefined
    : content.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}

function refusal(code: string): VaultError {
  if (code === 'PackedPolicyTooLarge' || code === 'MalformedPolicyDocument') {
    return new VaultError('ERR_VAULT_DOWNSCOPE', `aws sts refused the session policy (${code})`)
  }
  return awsError('sts', code)
}

function grantsOf(name: string, { grants }: AssumedRole): ReturnType<typeof sessionPolicies> {
  const of = `aws sts: credential ${quote(name)}`
  for (const grant of grants) {
    readOptions(`${of}: \`grants\``, grant, { command: nonEmptyString, statements: arrayOf(objectValue) })
    const statement = {
      actions: arrayOf(nonEmptyString),
      resources: arrayOf(nonEmptyString),
      conditions: maybe(objectValue),
    }
    for (const one of grant.statements) readOptions(`${of}: \`grants\``, one, statement)
  }
  return parsed(of, 'grants', () => sessionPolicies(grants))
}

const roleChecks: OptionChecks<AssumedRole> = Object.freeze({
  roleArn: nonEmptyString,
  grants: arrayOf(objectValue),
  durationSeconds: maybe(integerFrom(900)),
  externalId: maybe(nonEmptyString),
})

function checkRole(name: string, given: AssumedRole): AssumedRole & { readonly durationSeconds: number } {
  const role = readOptions(`aws sts: credential ${quote(name)}`, given, roleChecks)
  const { roleArn, durationSeconds = 900 } = role
  const wrong = (what: string): ArgumentError => new ArgumentError(`credential ${quote(name)}: ${what}`)
  if (!/^arn:[a-z-]+:iam::[0-9]{12}:role\/[A-Za-z0-9+=,.@_/-]+$/.test(roleArn))
    throw wrong('`roleArn` is not the ARN of a role')
  if (!Number.isSafeInteger(durationSeconds) || durationSeconds < 900 || durationSeconds > 43_200) {
    throw wrong('`durationSeconds` must be from 900 to 43,200')
  }
  return { ...role, durationSeconds }
}
