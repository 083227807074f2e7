import { ArgumentError, VaultError } from '../../../errors.ts'
import { callback, either, maybe, nonEmptyString, type OptionChecks } from '../../../support/options.ts'
import { type Clock, secondsOf } from '../../../time.ts'
import { parsed } from '../../configuration.ts'
import { awsKeysOf } from '../../processors/sigv4.ts'
import { secretFromCaller } from '../../release/failure.ts'
import { parseEndpoint } from '../../rules/origin.ts'
import { type SecretValue, secretValue, toSecret } from '../../secret.ts'
import { type BackendAnswer, callBackend } from '../http-backend.ts'
import { signAwsRequest } from './sign-request.ts'

/** Options of all sources and vaults over AWS. */
export interface AwsOptions {
  /** For example `eu-central-1`. */
  readonly region: string
  /**
   * Access keys of this program: the fields `accessKeyId`, `secretAccessKey` and, for temporary keys, `sessionToken`. A
   * callback is called for each request, for keys that the platform rotates.
   */
  readonly keys: SecretValue | (() => SecretValue | Promise<SecretValue>)
  /** Default: the address of the AWS service in the region. */
  readonly endpoint?: string
}

/** The checks of {@link AwsOptions}. */
export const awsChecks: OptionChecks<AwsOptions> = Object.freeze({
  region: nonEmptyString,
  keys: either(secretValue, callback),
  endpoint: maybe(nonEmptyString),
})

/** A client of one AWS service. */
export interface AwsClient {
  /** Signs and sends a request. Throws as `callBackend` does. */
  post(call: AwsCall): Promise<BackendAnswer>
}

/** A request to an AWS service. */
export interface AwsCall {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes a client.
 *
 * @param of - the function that takes the options, for messages.
 * @param options - checked by {@link awsChecks}.
 * @throws ArgumentError when an option is invalid.
 */
export function awsClient(
  of: string,
  service: 'kms' | 'secretsmanager' | 'sts',
  options: AwsOptions,
  environment: { readonly clock: Clock; readonly fetch: typeof fetch },
): AwsClient {
  const { region, keys } = options
  if (!/^[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}$/.test(region)) {
    throw new ArgumentError(`${of}: \`region\` must be the name of an AWS region, such as eu-central-1`)
  }
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  const endpoint = parseEndpoint(options.endpoint ?? `https://${service}.${region}.${domain}/`, (what) => {
    return new ArgumentError(`${of}: \`endpoint\`: ${what}`)
  })
  // Fixed keys are checked now, so that a mistake is found when the program starts.
  const fixed = typeof keys === 'function' ? undefined : toSecret(keys, of)
  if (fixed !== undefined) parsed(of, 'keys', () => awsKeysOf(fixed))

  return {
    async post({ headers, body, signal }) {
      const given = (): SecretValue | Promise<SecretValue> => (typeof keys === 'function' ? keys() : keys)
      const secret = fixed ?? (await secretFromCaller('the callback `keys`', given, signal))
      const request = {
        method: 'POST',
        url: endpoint,
        headers: new Headers(headers),
        body: new TextEncoder().encode(body),
      }
      const scope = { region, service, time: secondsOf(environment.clock) }
      const signed = await signAwsRequest(request, awsKeysOf(secret), scope)
      if (fixed === undefined) secret.dispose()
      return callBackend({
        backend: `aws ${service}`,
        url: signed.url,
        method: 'POST',
        headers: signed.headers,
        body,
        fetch: environment.fetch,
        signal,
      })
    },
  }
}

/**
 * Makes the error for an error code of AWS.
 *
 * @param code - from the response. It is shown only if it is a plain identifier.
 */
export function awsError(service: string, code: string): VaultError {
  const shown = /^[A-Za-z.]{1,64}$/.test(code) ? code : 'unknown error'
  if (transient.has(shown))
    return new VaultError('ERR_VAULT_UNAVAILABLE', `aws ${service} is not available now (${shown})`)
  return new VaultError(
    'ERR_VAULT_CONFIGURATION',
    `aws ${service} refused the request (${shown}); check the policy of the keys`,
  )
}

const transient: ReadonlySet<string> = new Set([
  'InternalServiceError',
  'InternalFailure',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
])
