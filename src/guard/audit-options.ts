import type { SecretKey } from '../audit/privacy/hmac.ts'
import type { PersonalKeyStore } from '../audit/privacy/personal-key-store.ts'
import type { Pseudonymizer } from '../audit/privacy/pseudonym.ts'
import type { SampleDenialsOptions } from '../audit/sample-denials.ts'
import type { AuditSink } from '../audit/sink.ts'

/** How a guard records. */
export interface AuditOptions {
  /** Where records go. It is closed with the guard. */
  readonly sink: AuditSink
  /** Milliseconds to wait for a confirmation; then the call is refused. Default 500. */
  readonly deadlineMs?: number
  /** Most records that the sink has not answered. Default 1,000. */
  readonly maxInFlight?: number
  /** 32 or more random bytes that salt the hashes of arguments. Without it no hash is recorded. */
  readonly argumentKey?: SecretKey
  /** Replaces DIDs by pseudonyms. Default: DIDs are recorded. */
  readonly pseudonymize?: Pseudonymizer
  /** Keys for arguments that are recorded encrypted. Required when a command has `personal` arguments. */
  readonly personalKeys?: PersonalKeyStore
  /**
   * Whether the guard closes intents without an outcome as `unknown`, at its start and from then on: those of processes
   * that ended, and those whose outcome could not be recorded. The log of `sink` must have a `history` (memory, files,
   * SQLite, PostgreSQL). Several processes may do this on one log. Default false.
   */
  readonly recoverIntents?: boolean
  /** How many denials are recorded; see {@link SampleDenialsOptions}. */
  readonly denials?: SampleDenialsOptions
}

/** {@link AuditOptions} with their defaults. */
export type CheckedAuditOptions = AuditOptions & Required<Pick<AuditOptions, 'deadlineMs' | 'maxInFlight'>>
