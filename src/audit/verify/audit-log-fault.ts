/**
 * What can be wrong with a log.
 *
 * | kind | the log was changed so |
 * |---|---|
 * | `edited` | a record does not hold what was hashed, or the record behind it says it had another hash |
 * | `dropped` | one or more records are not there |
 * | `swapped` | a record stands further down than its number says |
 * | `inserted` | a record stands there that the chain does not have |
 * | `truncated` | the log ends before a record that is known from elsewhere |
 * | `torn` | the last line is not whole; what an interrupted write leaves, and an opened log repairs |
 * | `rewritten` | a record is not the one that was signed: the log was written anew from there or from before |
 * | `checkpoint_invalid` | a checkpoint is not signed by a key that may sign it, or is of another log |
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

/** The first thing that is wrong with a log. */
export interface AuditLogFault {
  readonly kind: AuditLogFaultKind
  /** The line it stands in, from 1, counted over all files; for `truncated` the one after the last. */
  readonly line: number
  /** Number of the record that is bad or missing. */
  readonly sequence: number
  /** One line for people. */
  readonly message: string
}

/** What is known of a log after it was read through. */
export type AuditLogReport =
  | {
      readonly valid: true
      /** How many records it has. */
      readonly records: number
      /** Its last record; the beginning, or `from`, when it has none. */
      readonly head: { readonly sequence: number; readonly hash: string }
      /** The last record covered by a checkpoint that was verified; 0 when none is. */
      readonly covered: number
    }
  | {
      readonly valid: false
      readonly fault: AuditLogFault
      /** How many records stand before the fault, and are as they were written as far as the hashes tell. */
      readonly records: number
    }
