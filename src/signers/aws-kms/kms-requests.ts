/**
 * Requests to AWS KMS: time limit, attempts and errors.
 *
 * @module
 */

import { SigningError, VaultError } from '../../errors.ts'
import { sleep, waitAfter } from '../../support/back-off.ts'
import { withinDeadline } from '../../support/deadline.ts'
import { type AwsClient, awsError } from '../../vault/stores/aws/client.ts'
import { callAwsJson } from '../../vault/stores/aws/json-call.ts'

/**
 * Sends a request and returns the fields of its response.
 *
 * @throws SigningError when KMS refuses, or does not answer in time; the reason of the signal when it is aborted.
 */
export type AskKms = (
  operation: 'GetPublicKey' | 'Sign',
  input: object,
  signal: AbortSignal | undefined,
) => Promise<ReadonlyMap<string, unknown>>

/** Limits of a request. */
export interface KmsLimits {
  /** Milliseconds for all attempts together. */
  readonly timeoutMs: number
  readonly attempts: number
}

/** Makes the function that sends requests. */
export function kmsRequests(client: AwsClient, { timeoutMs, attempts }: KmsLimits): AskKms {
  return async (operation, input, caller) => {
    let last: VaultError | undefined
    const reason = (): SigningError =>
      new SigningError(`aws kms did not answer within ${timeoutMs} ms; try again, or raise \`timeoutMs\``, {
        cause: last,
      })
    return withinDeadline(timeoutMs, { signals: [caller], reason }, async (signal) => {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await askOnce(client, operation, input, signal)
        } catch (cause) {
          if (!(cause instanceof VaultError)) throw cause
          last = cause
          // SIG-24
          if (cause.code !== 'ERR_VAULT_UNAVAILABLE' || attempt >= attempts || signal.aborted)
            throw new SigningError(cause.message, { cause })
        }
        await sleep(waitAfter(attempt, backOff), signal)
      }
    })
  }
}

const backOff = Object.freeze({ firstMs: 100, maxMs: 2_000 })

async function askOnce(
  client: AwsClient,
  operation: string,
  input: object,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, unknown>> {
  const call = { target: `TrentService.${operation}`, backend: 'aws kms', signal }
  const { fields, code } = await callAwsJson(client, call, input)
  if (code === undefined) return fields
  const remedy = remedies.get(code)
  if (remedy === undefined) throw awsError('kms', code)
  throw new SigningError(`aws kms refused the request (${code}): ${remedy}`)
}

const remedies: ReadonlyMap<string, string> = new Map([
  ['AccessDeniedException', 'allow kms:GetPublicKey and kms:Sign on the key'],
  ['DisabledException', 'the key is disabled; enable it'],
  ['ExpiredTokenException', 'the access keys have expired; renew them'],
  ['IncompleteSignatureException', 'the access keys are invalid'],
  ['InvalidSignatureException', 'the secret access key is wrong, or the clock of this machine'],
  ['KMSInvalidStateException', 'the key is not enabled; it may be scheduled for deletion'],
  ['NotFoundException', 'there is no such key in this region; check `keyId`'],
  ['UnrecognizedClientException', 'the access keys are unknown'],
])
