import type { CID } from 'multiformats/cid'
import type { Never, Timestamp } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import type { Did } from '../did/did.ts'
import { type IpldMap, type IpldValue, isMap } from '../ipld/value.ts'

/** The command of receipts, as deployed by implementations of the UCAN receipt draft. */
export const receiptCommand: Command = '/ucan/assert/receipt' as Command

/** The outcome of a task: a result, or an error with a name and a message. */
export type Outcome =
  | { readonly ok: IpldValue }
  | { readonly error: { readonly name: string; readonly message: string } }

/**
 * The outcome of a task, signed by its executor.
 *
 * @experimental The receipt specification is a draft; this is the form that is deployed.
 */
export interface Receipt {
  /** The service that executed the task, and signs. */
  readonly executor: Did
  /** The task, as in `Invocation.task`. */
  readonly task: CID
  /** The outcome. */
  readonly outcome: Outcome
  /** The time until which the executor upholds the outcome; `never` for a statement about the past without end. */
  readonly expiration: Timestamp | Never
  /** The time at which it was issued, as the executor claims. */
  readonly issuedAt?: Timestamp
  /** Signed notes, for example the hash of an audit record. */
  readonly meta?: IpldMap
  /** The CID of the receipt. A later invocation can name it as its `cause`. */
  readonly cid: CID
  /** The receipt as on the wire: an invocation. */
  readonly bytes: Uint8Array
}

/** Reads an outcome. Returns undefined for any other value. */
export function readOutcome(value: IpldValue | undefined): Outcome | undefined {
  if (!isMap(value) || Object.keys(value).length !== 1) return undefined
  if (value.ok !== undefined) return { ok: value.ok }
  const error: IpldMap | undefined = isMap(value.error) ? value.error : undefined
  if (typeof error?.name !== 'string' || typeof error.message !== 'string') return undefined
  return { error: { name: error.name, message: error.message } }
}
