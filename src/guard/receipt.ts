import { backend } from '#backend'
import type { Confirmation } from '../audit/sink.ts'
import type { Authorization } from '../core/authorization/authorization.ts'
import { encodeCbor } from '../core/ipld/encode.ts'
import type { IpldMap, IpldValue } from '../core/ipld/value.ts'
import type { Signer } from '../core/principal/signer.ts'
import { issueReceipt } from '../core/receipt/issue-receipt.ts'
import type { Receipt } from '../core/receipt/receipt.ts'
import type { Clock } from '../time.ts'

/** Options of {@link signReceipt}. */
export interface SignReceiptOptions {
  readonly executor: Signer
  readonly authorization: Authorization
  /** The value that the handler returned. */
  readonly value: unknown
  /** The record of the outcome. */
  readonly record: Confirmation
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Signs the result of a call. GRD-07: it contains the task, the SHA-256 of the value if DAG-CBOR can encode it, and the
 * record of the outcome. With the receipt, the agent can prove that the call was recorded, and the service which result
 * it returned.
 */
export async function signReceipt(options: SignReceiptOptions): Promise<Receipt> {
  const { executor, authorization, value, record, clock, signal } = options
  const { sequence, hash } = record
  const audit: IpldMap = { ...(sequence !== undefined && { sequence }), ...(hash !== undefined && { hash }) }
  return issueReceipt({
    executor,
    task: authorization.task,
    outcome: { ok: { hash: await hashOf(value) } },
    ...(Object.keys(audit).length === 0 ? {} : { meta: { audit } }),
    clock,
    signal,
  })
}

async function hashOf(value: unknown): Promise<IpldValue> {
  const bytes = bytesOf(value)
  return bytes === undefined ? null : backend.sha256(bytes)
}

/**
 * The value as DAG-CBOR; undefined when it cannot be encoded. A value of the handler may throw when it is inspected.
 */
function bytesOf(value: unknown): Uint8Array | undefined {
  try {
    return encodeCbor(value as IpldValue, 'outcome')
  } catch {
    return undefined
  }
}
