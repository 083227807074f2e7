/**
 * What an audit log tells: a closed set of events with stable field names. No field holds a secret, a token or an
 * argument that was not put on a list; times are seconds, lengths of time in milliseconds say so in their name.
 *
 * @module
 */

import type { DenialCode } from '../../authorization/denial.ts'
import { encodeHex } from '../../ipld/base.ts'
import type { IpldMap } from '../../ipld/value.ts'
import type { Never, Timestamp } from '../../time.ts'
import type { SealedFields } from '../privacy/personal.ts'

/** `enforce`: the decision counted. `shadow`: it was made and recorded only, and the call went its way all the same. */
export type AuditMode = 'enforce' | 'shadow'

/** Fields of every event. */
interface EventBase {
  /** Names the event, and links others to it: 32 hexadecimal digits, see {@link newEventId}. */
  readonly id: string
  /** When, by the clock that the decision was made by. */
  readonly time: Timestamp
  /** Default `enforce`. */
  readonly mode?: AuditMode
}

/** What is known of a call. Principals are DIDs, or pseudonyms where the log is set up so. */
export interface CallFacts {
  /** CID of the invocation, in base32. */
  readonly invocation?: string
  /** CID of the task, the same for two invocations of the same work. */
  readonly task?: string
  /** CIDs of the delegations, root first. */
  readonly chain?: readonly string[]
  /** The path of authority: issuer of the root delegation, each delegate, the invoker last. */
  readonly principals?: readonly string[]
  /** Whose authority was used. */
  readonly subject?: string
  /** Who made the call. */
  readonly invoker?: string
  /** Which service was asked. */
  readonly audience?: string
  /** What was asked. */
  readonly command?: string
  /** Salted hash of the arguments, see `hashArguments`. */
  readonly argsHash?: string
  /** The arguments that a list allows to be shown, long values cut. */
  readonly args?: IpldMap
  /** Fields that were encrypted for the person they are about, see `sealPersonal`. */
  readonly personal?: SealedFields
  /** The W3C `traceparent` of the request. */
  readonly trace?: string
}

/** Which statement of a policy objected. */
export interface PolicyClause {
  /** Place of the statement in the policy, from 0. */
  readonly statement: number
  /** Way down to the part that decided; empty when it was the statement itself. */
  readonly path: readonly number[]
  /** Its operator, for example `like`. */
  readonly operator?: string
  /** Its selector. The value that was found is not told. */
  readonly selector?: string
}

/** A call is allowed, and what it allows has not begun. Written and confirmed before a credential is released. */
export interface IntentEvent extends EventBase, CallFacts {
  readonly kind: 'intent'
  readonly invocation: string
  readonly command: string
  /** Which credential it is about to use, by the name the vault gives it. */
  readonly vault?: string
  /**
   * Time at which its writer has recorded an outcome, or records none any more: after it the intent is open for good, and
   * `recoverIntents` closes it. Default a day after `time`.
   */
  readonly outcomeBy?: Timestamp
}

/** What became of an intent. */
export interface OutcomeEvent extends EventBase {
  readonly kind: 'outcome'
  /** The `id` of the intent. */
  readonly intent: string
  /** `unknown`: the process ended, or the record could not be written; the call may or may not have had its effect. */
  readonly status: 'ok' | 'error' | 'unknown'
  /** From the intent to the end of the handler. */
  readonly durationMs?: number
  /** Stable code of the error; never its message. */
  readonly code?: string
  /** Status of the upstream answer. */
  readonly upstreamStatus?: number
  /** Length of the upstream answer. */
  readonly responseBytes?: number
}

/**
 * A call is refused. The facts of the call are claims of the call itself; `authenticated` says whose.
 */
export interface DeniedEvent extends EventBase, CallFacts {
  readonly kind: 'denied'
  /**
   * Whether the call and its delegations are signed, and lead from a subject of the service to the invoker. If not,
   * anybody may have written all of it, the name of the invoker too. Absent in records of earlier versions; then it is
   * not known.
   */
  readonly authenticated?: boolean
  /** Why: a denial code of the authorization or of the guard; `suppressed`, see `suppressedEvent`. */
  readonly code: DenialCode | (string & {})
  /** The requirement in `spec/` that is not met. */
  readonly requirement?: string
  /** Position in the chain, counted from 0: the root delegation is 0, the invocation last. */
  readonly at?: number
  /** With `policy_unsatisfied` and `policy_over_budget`. */
  readonly policy?: PolicyClause
  /** With the code `suppressed`: how many denials were not recorded. Such an event is about no call of its own. */
  readonly suppressed?: number
  /** With the code `suppressed`: when the first of them was refused. */
  readonly since?: Timestamp
  /** The intent that had been recorded, when the call was refused after that. */
  readonly intent?: string
  /** How long the decision took. */
  readonly durationMs?: number
}

/** A delegation was made. */
export interface IssuedEvent extends EventBase {
  readonly kind: 'issued'
  /** CID of the delegation. */
  readonly delegation: string
  readonly issuer: string
  readonly audience: string
  /** Absent when the delegation is for any subject. */
  readonly subject?: string
  readonly command: string
  /** CIDs of the delegations it stands on, root first. */
  readonly chain?: readonly string[]
  /** SHA-256 of the policy as canonical bytes, in hexadecimal. */
  readonly policyHash?: string
  /** Last second of its life. It is absent from the record when the delegation never expires. */
  readonly expiration: Timestamp | Never
}

/** A vault released a credential, or used it itself, for an intent. */
export interface ReleasedEvent extends EventBase {
  readonly kind: 'released'
  /** The `id` of the intent. */
  readonly intent: string
  /** Which credential, by the name the vault gives it. */
  readonly vault: string
  /** What sort of credential. */
  readonly credential?: 'static' | 'dynamic' | 'derived' | 'signer'
  /** Version of the credential; not the credential. */
  readonly version?: string
  /** Whether the upstream narrowed it to what the call may do. */
  readonly downscoped: boolean
  /** How old the value was that the vault gave. */
  readonly ageMs?: number
  /** Set when the vault could not be reached, and the value is one that it gave before. */
  readonly stale?: true
  /** SHA-256 of the lease identifier, in hexadecimal. */
  readonly leaseHash?: string
  /** When the credential ends by itself. */
  readonly expiresAt?: Timestamp
  /** The origin it may be sent to. */
  readonly origin?: string
}

/** Authority was taken back. */
export interface RevokedEvent extends EventBase {
  readonly kind: 'revoked'
  /** CID of the delegation, or DID of the principal, that is revoked. */
  readonly revoked: string
  /** CID of the revocation, when it is one that came from outside. */
  readonly revocation?: string
  /** Who revoked. */
  readonly issuer?: string
}

/** The log itself was mended. */
export interface RecoveredEvent extends EventBase {
  readonly kind: 'recovered'
  /**
   * How the end of the log was mended. `torn_tail`: a record that was not written whole was cut off; `failed_sync`:
   * records that the disk failed to take were cut off; `completed_line`: the last record got its missing line feed, and
   * nothing was cut off. An interrupted write confirms nothing of what is cut off. Somebody who can write the file can
   * leave the same end behind, and a checkpoint tells.
   */
  readonly reason: 'torn_tail' | 'failed_sync' | 'completed_line'
  /** Name of the file. */
  readonly segment: string
  /** How many bytes were cut off. */
  readonly droppedBytes: number
  /** SHA-256 of those bytes, in hexadecimal. */
  readonly droppedHash: string
}

/** A signed statement of how far the log reaches, see `Checkpoint`; `time` is the time that was signed. */
export interface CheckpointEvent extends EventBase {
  readonly kind: 'checkpoint'
  /** Name of the log. */
  readonly log: string
  /** The record that the statement is about. */
  readonly sequence: number
  /** Hash of that record, in hexadecimal. */
  readonly hash: string
  /** DID of the signer. */
  readonly signer: string
  /** Its signature, in base64url. */
  readonly signature: string
}

/** How far every call has an end on record, so that a recovery need not read further back. */
export interface SettledEvent extends EventBase {
  readonly kind: 'settled'
  /** Number of a record: every intent with a lower one has an outcome. */
  readonly before: number
}

/** Everything that a log can tell. */
export type AuditEvent =
  | IntentEvent
  | OutcomeEvent
  | DeniedEvent
  | IssuedEvent
  | ReleasedEvent
  | RevokedEvent
  | RecoveredEvent
  | CheckpointEvent
  | SettledEvent

/** The kinds of {@link AuditEvent}. */
export type AuditEventKind = AuditEvent['kind']

/** The `id` of the intent that an event ends; undefined when it ends none. */
export function intentEndedBy(event: AuditEvent): string | undefined {
  return event.kind === 'outcome' || event.kind === 'denied' ? event.intent : undefined
}

/** The `id` of the intent that an event is about, once it is ended or a credential released for it; undefined for others. */
export function intentNamedBy(event: AuditEvent): string | undefined {
  return event.kind === 'released' ? event.intent : intentEndedBy(event)
}

/** Makes the name of a new event: 128 random bits. */
export function newEventId(): string {
  return encodeHex(crypto.getRandomValues(new Uint8Array(16)))
}
