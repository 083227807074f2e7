import { ArgumentError } from '../../errors.ts'
import { nonEmptyString, readOptions } from '../../support/options.ts'
import { secondsOf } from '../../time.ts'
import type { Processor } from '../processor.ts'
import type { Secret } from '../secret.ts'
import { awsHeaders, signAwsRequest } from '../stores/aws/sign-request.ts'
import type { AwsKeys } from '../stores/aws/sigv4.ts'
import { textOf } from './field.ts'

/** Parameters of {@link sigV4}. */
export interface SigV4Parameters {
  /** For example `eu-central-1`. */
  readonly region: string
  /** The name of the service in signatures, for example `s3` or `dynamodb`. */
  readonly service: string
}

/**
 * Signs the request with AWS Signature Version 4. The secret has the fields `accessKeyId`, `secretAccessKey` and, for
 * temporary keys, `sessionToken`.
 *
 * @throws ArgumentError when a name is invalid.
 */
export function sigV4(parameters: SigV4Parameters): Processor {
  const { region, service } = readOptions('sigV4', parameters, { region: nonEmptyString, service: nonEmptyString })
  if (!awsName.test(region))
    throw new ArgumentError('sigV4: `region` must be the name of an AWS region, such as eu-central-1')
  if (!awsName.test(service)) throw new ArgumentError('sigV4: `service` must be the name of an AWS service, such as s3')
  return Object.freeze({
    description: { type: 'sigv4', region, service },
    headers: awsHeaders,
    parameters: [],
    apply: (request, secret, { clock }) =>
      signAwsRequest(request, awsKeysOf(secret), { region, service, time: secondsOf(clock) }),
  } satisfies Processor)
}

const awsName = /^[a-z0-9-]{1,64}$/

/** Reads access keys from a secret of fields. */
export function awsKeysOf(secret: Secret): AwsKeys {
  const temporary = secret.fieldNames().includes('sessionToken')
  return {
    accessKeyId: textOf(secret, 'accessKeyId'),
    secretAccessKey: secret.revealField('secretAccessKey'),
    ...(temporary && { sessionToken: textOf(secret, 'sessionToken') }),
  }
}
