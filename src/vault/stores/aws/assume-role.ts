import { encodeBase64url } from '../../../core/ipld/base.ts'
import { ArgumentError, VaultError } from '../../../errors.ts'
import { sha256Bytes } from '../../../support/digest.ts'
import {
  arrayOf,
  type DefaultCheck,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
} from '../../../support/options.ts'
import { type Clock, secondsOf, type Timestamp } from '../../../time.ts'
import { hostChecks, readPlaces, type VaultOptions } from '../../configuration.ts'
import { type RemoteVault, remoteVault } from '../../resilience/remote-vault.ts'
import type { ResilienceOptions } from '../../resilience/resilient.ts'
import type { CredentialOptions } from '../../rules/credential-rules.ts'
import { Secret } from '../../secret.ts'
import type { SecretSource } from '../../source.ts'
import { type AwsOptions, awsChecks, awsClient, awsError } from './client.ts'
import { type AwsGrant, type SessionPolicies, sessionPolicies } from './session-policy.ts'

/** A role whose temporary keys calls get, narrowed to each call. */
export interface AssumedRole {
  /** `arn:aws:iam::<account>:role/<name>`. */
  readonly roleArn: string
  /** The permissions of each command. A call without a grant gets no keys. */
  readonly grants: readonly AwsGrant[]
  /** The lifetime of the keys in seconds, from 900 to 43,200. Default 900. */
  readonly durationSeconds?: number
  /** The external id that the trust policy of the role requires. */
  readonly externalId?: string
}

/** Options of {@link assumeRoleSource}. */
export interface AssumeRoleSourceOptions extends AwsOptions {
  /** The roles by name. */
  readonly roles: Readonly<Record<string, AssumedRole>>
  readonly clock?: Clock
  readonly fetch?: typeof fetch
}

/** Options of {@link assumeRoleVault}. */
export interface AssumeRoleVaultOptions extends VaultOptions, AwsOptions {
  /** Credentials by name: the role, and the rules. The processor is usually `sigV4`. */
  readonly credentials: Readonly<Record<string, AssumedRole & CredentialOptions>>
  /** Retries and the circuit breaker, for a service that is slow or unavailable. */
  readonly resilience?: ResilienceOptions
}

/**
 * Makes a vault whose credentials are temporary keys of AWS roles.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function assumeRoleVault(options: AssumeRoleVaultOptions): RemoteVault {
  return remoteVault<AwsOptions, AssumedRole>(options, {
    of: 'assumeRoleVault',
    serviceChecks: awsChecks,
    placeChecks: () => roleChecks,
    source: (service, roles) => assumeRoleSource({ ...service, roles }),
  })
}

/**
 * Makes a source of temporary keys (`AssumeRole` of AWS STS). The session policy is compiled from the command and the
 * signed arguments of the call, so the keys have no more permissions than the call, although the role may have more.
 * Each invoker has its own session name, which CloudTrail records: the beginning of its DID and a hash of the whole.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function assumeRoleSource(options: AssumeRoleSourceOptions): SecretSource {
  const of = 'assumeRoleSource'
  const { clock, fetch, ...given } = readOptions(of, options, { ...awsChecks, ...hostChecks, roles: objectValue })
  const client = awsClient(of, 'sts', given, { clock, fetch })
  const roles = readPlaces(of, given.roles, readRole)
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
        readAt: secondsOf(clock),
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
    throw new VaultError('ERR_VAULT_INTEGRITY', 'aws sts returned no temporary keys')
  }
  // VLT-38
  if (element(text, 'Arn') !== sessionArn(roleArn, session)) {
    throw new VaultError(
      'ERR_VAULT_INTEGRITY',
      'aws sts returned keys of a role or session other than the requested one',
    )
  }
  // The key id alone is not secret, and CloudTrail names the keys by it.
  return { secret: Secret.ofFields({ accessKeyId, secretAccessKey, sessionToken }), version: accessKeyId, expiresAt }
}

/**
 * Makes the session name of an invoker; AWS accepts 2 to 64 of `A-Z a-z 0-9 + = , . @ _ -`. It is the beginning of the
 * DID with other characters replaced by `-`, a hyphen, and the first 22 characters (132 bits) of the SHA-256 of the DID
 * in base64url. Several DIDs have the same beginning; the hash distinguishes them.
 */
export async function sessionName(did: string): Promise<string> {
  const shown = did.replace(/[^A-Za-z0-9+=,.@_-]/g, '-').slice(0, shownLength)
  const hash = encodeBase64url(await sha256Bytes(new TextEncoder().encode(did)))
  return `${shown}-${hash.slice(0, 22)}`
}

/** The length of a session name without its hyphen and the 22 characters of the hash; together they are 64. */
const shownLength = 41

/** The ARN of a session: for `arn:aws:iam::1:role/path/name` and `s` it is `arn:aws:sts::1:assumed-role/name/s`. */
function sessionArn(roleArn: string, session: string): string {
  const [, partition = '', , , account = '', resource = ''] = roleArn.split(':')
  return `arn:${partition}:sts::${account}:assumed-role/${resource.split('/').at(-1) ?? ''}/${session}`
}

/** The text of the only element of a name in the XML of STS. Its values contain no other entities than these. */
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
    return new VaultError(
      'ERR_VAULT_DOWNSCOPE',
      `aws sts refused the session policy (${code}); correct the \`grants\` of the role`,
    )
  }
  return awsError('sts', code)
}

const roleChecks: OptionChecks<AssumedRole> & { readonly durationSeconds: DefaultCheck } = Object.freeze({
  roleArn: nonEmptyString,
  grants: arrayOf(objectValue),
  durationSeconds: withDefault(integerFrom(900, 43_200), 900),
  externalId: maybe(nonEmptyString),
})

type Role = Omit<AssumedRole, 'grants'> & {
  readonly durationSeconds: number
  readonly policies: SessionPolicies
}

function readRole(given: AssumedRole, of: string): Role {
  const { grants, ...role } = readOptions(of, given, roleChecks)
  if (!/^arn:[a-z-]+:iam::[0-9]{12}:role\/[A-Za-z0-9+=,.@_/-]+$/.test(role.roleArn)) {
    throw new ArgumentError(`${of}: \`roleArn\` must be the ARN of a role, such as arn:aws:iam::123456789012:role/name`)
  }
  return { ...role, policies: sessionPolicies(grants, of) }
}
