import { backend } from '#backend'
import type { Confirmation } from '../audit/sink.ts'
import type { Authorization } from '../authorization/authorization.ts'
import { ArgumentError } from '../errors.ts'
import { encodeCbor } from '../ipld/encode.ts'
import type { IpldMap, IpldValue } from '../ipld/value.ts'
import type { Signer } from '../principal/signer.ts'
import { issueReceipt } from '../receipt/issue-receipt.ts'
import type { Receipt } from '../receipt/receipt.ts'
import type { Clock } from '../time.ts'

/** What {@link signReceipt} needs. */
export interface SignReceiptOptions {
  readonly executor: Signer
  readonly authorization: Authorization
  /** What the handler returned. */
  readonly value: unknown
  /** The record of the outcome. */
  readonly record: Confirmation
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * GRD-07: signs what came of a call: the task, the SHA-256 of the value as DAG-CBOR where it has such a form, and the record of
 * the outcome, so that the agent can later show that it was recorded, and the service that it was told.
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
  try {
    return await backend.sha256(encodeCbor(value as IpldValue, 'outcome'))
  } catch (error) {
    if (error instanceof ArgumentError) return null
    throw error
  }
}
