import type { Authorization } from '../authorization/authorization.ts'
import type { Denial, DenialCode } from '../authorization/denial.ts'
import type { Receipt } from '../receipt/receipt.ts'

/**
 * Why a guard refuses: a {@link DenialCode}, or a reason of its own.
 *
 * | code | meaning |
 * |---|---|
 * | `audit_unavailable` | the intent, or the release of the credential, could not be recorded: nothing was done, or sent |
 * | `deadline_exceeded` | the decision took too long |
 * | `overloaded` | as many calls as may be are under way |
 * | `closed` | the guard is shutting down |
 */
export type GuardDenialCode = DenialCode | 'audit_unavailable' | 'deadline_exceeded' | 'overloaded' | 'closed'

/** A guard's no, and why. */
export type GuardDenial = Omit<Denial, 'code'> & {
  readonly code: GuardDenialCode
  /** The error for which a record was not confirmed, with `audit_unavailable`. Not enumerable: it is in no text of a denial. */
  readonly cause?: unknown
}

/** The decision of a guard. */
export type GuardDecision =
  | { readonly allowed: true; readonly authorization: Authorization }
  | { readonly allowed: false; readonly denial: GuardDenial }

/** The result of {@link Guard.use}. */
export type GuardResult<T> =
  | {
      readonly allowed: true
      /** What the handler returned. */
      readonly value: T
      /**
       * A signed receipt. Present when `receipts` is configured and the outcome was recorded. Its outcome is
       * `{ ok: { hash } }`, the SHA-256 of the value as DAG-CBOR, or null when the value cannot be encoded. Its `meta.audit`
       * names the record. Send `receipt.bytes` to the caller, who verifies them with `verifyReceipt({ …, value })`.
       */
      readonly receipt?: Receipt
      /** Whether the outcome was recorded. If not, the log says that nothing is known of how the call ended. */
      readonly recorded: boolean
      /** The error for which the outcome was not recorded. Not enumerable. */
      readonly cause?: unknown
    }
  | { readonly allowed: false; readonly denial: GuardDenial }
