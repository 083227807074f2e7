import type { Authorization } from '../core/authorization/authorization.ts'
import type { Denial, DenialCode } from '../core/authorization/denial.ts'
import type { Receipt } from '../core/receipt/receipt.ts'

/**
 * Why a guard refuses: a {@link DenialCode}, or a reason of its own.
 *
 * | code | meaning |
 * |---|---|
 * | `audit_unavailable` | the intent was not recorded, so nothing was done; or no release was, so nothing was sent |
 * | `deadline_exceeded` | the decision timed out |
 * | `overloaded` | the number of concurrent calls has reached its limit; of a revocation: it applies already |
 * | `closed` | the guard is shutting down |
 * | `command_mismatch` | the request is for another command |
 * | `request_mismatch` | an argument does not match the request |
 * | `audience_unknown` | it could not be found out whether the call is addressed to the service |
 * | `subject_unknown` | it could not be found out whether the service acts for the subject |
 * | `credential_missing` | the service has no credential for the subject |
 * | `credential_unknown` | it could not be found out which credential is for the call |
 */
export type GuardDenialCode =
  | DenialCode
  | 'audit_unavailable'
  | 'deadline_exceeded'
  | 'overloaded'
  | 'closed'
  | 'command_mismatch'
  | 'request_mismatch'
  | 'audience_unknown'
  | 'subject_unknown'
  | 'credential_missing'
  | 'credential_unknown'

/** The denial of a guard, and its reason. */
export type GuardDenial = Omit<Denial, 'code'> & {
  readonly code: GuardDenialCode
  /**
   * The error of the audit sink, with `audit_unavailable`. Not enumerable, so that no serialized denial contains it.
   */
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
      /** The value that the handler returned. */
      readonly value: T
      /**
       * A signed receipt. Present when `receipts` is configured, the outcome was recorded and the signer signed. Its
       * outcome is `{ ok: { hash } }`, the SHA-256 of the value as DAG-CBOR, or null when the value cannot be encoded.
       * Its `meta.audit` names the record. Send `receipt.bytes` to the caller, who verifies them with `verifyReceipt({
       * …, value })`.
       */
      readonly receipt?: Receipt
      /** Whether the outcome was recorded. If not, the log has an intent without an outcome. */
      readonly recorded: boolean
      /** The error of the audit sink, if the outcome was not recorded. Not enumerable. */
      readonly cause?: unknown
    }
  | { readonly allowed: false; readonly denial: GuardDenial }
