/**
 * The kinds of faults of a log.
 *
 * | kind | meaning |
 * |---|---|
 * | `edited` | the content of a record does not match its hash, or the next record contains another hash of it |
 * | `dropped` | one or more records are missing |
 * | `swapped` | a record is in a later line than its number requires |
 * | `inserted` | a record is not in the chain |
 * | `truncated` | the log ends before a record that is known from elsewhere |
 * | `torn` | the last line is incomplete, as after an interrupted write; opening the log repairs it |
 * | `rewritten` | a record is not the signed one: the log was rewritten from it, or from an earlier record |
 * | `checkpoint_invalid` | a checkpoint is not signed by a trusted key, or is of another log |
 */
export type AuditLogFaultKind =
  | 'edited'
  | 'dropped'
  | 'swapped'
  | 'inserted'
  | 'truncated'
  | 'torn'
  | 'rewritten'
  | 'checkpoint_invalid'

/** The first fault of a log. */
export interface AuditLogFault {
  readonly kind: AuditLogFaultKind
  /**
   * Number of the line, from 1, over all files; for `truncated` the line after the last; 0 for a fault in an option.
   */
  readonly line: number
  /** Number of the faulty or missing record. */
  readonly sequence: number
  /** One line for people. */
  readonly message: string
}

/** The result of the verification of a log. */
export type AuditLogReport =
  | {
      readonly valid: true
      /** Number of its records. */
      readonly records: number
      /** Its last record; without records `from`, or the beginning. */
      readonly head: { readonly sequence: number; readonly hash: string }
      /** The last record that a verified checkpoint covers; 0 without one. */
      readonly covered: number
    }
  | {
      readonly valid: false
      readonly fault: AuditLogFault
      /** Number of intact records before the fault, as far as their hashes show. */
      readonly records: number
    }
