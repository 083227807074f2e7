import { parseAnswer } from '../http-backend.ts'
import type { AwsClient } from './client.ts'

/** The response of an AWS service that speaks JSON. */
export interface AwsJsonAnswer {
  readonly fields: ReadonlyMap<string, unknown>
  /** The error code without its namespace, or undefined when the call succeeded. It comes from the service. */
  readonly code: string | undefined
}

/**
 * Calls an operation of an AWS service that speaks JSON 1.1.
 *
 * @param target - the value of `x-amz-target`, such as `TrentService.Sign`.
 * @param backend - the name of the service in messages, such as `aws kms`.
 * @throws VaultError as `callBackend` and `parseAnswer` do.
 */
export async function callAwsJson(
  client: AwsClient,
  {
    target,
    backend,
    signal,
  }: { readonly target: string; readonly backend: string; readonly signal?: AbortSignal | undefined },
  input: object,
): Promise<AwsJsonAnswer> {
  const answer = await client.post({
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
    body: JSON.stringify(input),
    signal,
  })
  const fields = parseAnswer(answer, backend)
  const type = answer.status === 200 ? undefined : String(fields.get('__type') ?? '')
  return { fields, code: type?.split('#').at(-1) }
}
