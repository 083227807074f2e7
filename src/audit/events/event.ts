/**
 * The events of an audit log: a closed set with stable field names. No field contains a secret, a token or an argument
 * that is not on a list. Times are in seconds; durations in milliseconds have names that end in `Ms`.
 *
 * @module
 */

import type { DenialCode } from '../../core/authorization/denial.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import type { IpldMap } from '../../core/ipld/value.ts'
import type { Never, Timestamp } from '../../time.ts'

/** Encrypted fields of an event. */
export interface SealedFields {
  /** Name of the key in the key store. */
  readonly key: string
  /** 96 random bits, in base64url. */
  readonly iv: string
  /** AES-256-GCM of the fields as DAG-CBOR, in base64url; the tag at its end. */
  readonly data: string
}

/** `enforce`: the decision had an effect. `shadow`: it was recorded only. */
export type AuditMode = 'enforce' | 'shadow'

/**
 * How current the revocations were with which a call was decided. Absent if they were looked up where they are stored.
 */
export interface RevocationAge {
  /** Age of the knowledge of revocations. */
  readonly revocationAgeMs?: number
  /** True if the knowledge was older than its operator considers current. */
  readonly revocationsStale?: true
}

/** Fields of every event. */
interface EventBase {
  /** Identifies the event, and links others to it: 32 hexadecimal digits, see {@link newEventId}. */
  readonly id: string
  /** Time of the event, by the clock of the decision. */
  readonly time: Timestamp
  /** Default `enforce`. */
  readonly mode?: AuditMode
}

/** Unverified facts by their names; see {@link CallFacts.claimed}. */
export type ClaimedFacts = { readonly [name: string]: string }

/** The facts of a call. Principals are DIDs, or pseudonyms if the log is configured so. */
export interface CallFacts {
  /** CID of the invocation, in base32. */
  readonly invocation?: string
  /** CID of the task. Two invocations of the same work have the same task. */
  readonly task?: string
  /** CIDs of the delegations, root first. */
  readonly chain?: readonly string[]
  /** The path of authority: the issuer of the root delegation, each delegate, the invoker last. */
  readonly principals?: readonly string[]
  /** DID of the owner of the authority. */
  readonly subject?: string
  /** DID of the caller. */
  readonly invoker?: string
  /** DID of the service. */
  readonly audience?: string
  /** The command. */
  readonly command?: string
  /** Salted hash of the arguments, see `hashArguments`. */
  readonly argsHash?: string
  /** The arguments that a list permits, long values truncated. */
  readonly args?: IpldMap
  /** Fields that are encrypted for the person they concern, see `sealPersonal`. */
  readonly personal?: SealedFields
  /** The W3C `traceparent` of the request. */
  readonly trace?: string
  /**
   * Facts that the caller states beside the signed call, such as the id of its tool use. Nobody has verified them: they
   * help to find a call, and prove nothing.
   */
  readonly claimed?: ClaimedFacts
}

/** The statement of a policy that does not hold. */
export interface PolicyClause {
  /** Index of the statement in the policy, from 0. */
  readonly statement: number
  /** Path to the deciding part of the statement; empty for the statement itself. */
  readonly path: readonly number[]
  /** Its operator, for example `like`. */
  readonly operator?: string
  /** Its selector. The value in the call is not recorded. */
  readonly selector?: string
}

/** A limit of the chain, and how much of it a call uses. */
export interface UsedLimit {
  /** Position of the delegation in the chain, counted from 0. */
  readonly at: number
  /** Index of the statement in its policy, from 0. */
  readonly statement: number
  /** Its operator, for example `limit/uses`. */
  readonly operator: string
  /** A number of calls, or a decimal. Absent for a sum over an argument that is not recorded in clear. */
  readonly amount?: number | string
}

/** A call is allowed, and its handler has not started. Confirmed before a credential is released. */
export interface IntentEvent extends EventBase, CallFacts, RevocationAge {
  readonly kind: 'intent'
  readonly invocation: string
  readonly command: string
  /** Name of the credential in the vault that the call will use. */
  readonly vault?: string
  /**
   * Time by which its writer has recorded an outcome. Afterwards the writer records nothing, and `recoverIntents` may
   * close the intent. Default a day after `time`.
   */
  readonly outcomeBy?: Timestamp
  /** The limits of the chain that the call uses. They are final unless the outcome has the code `limit_unknown`. */
  readonly limits?: readonly UsedLimit[]
  /**
   * The principals that have approved this call. Absent for a call that needed no approval, for an approval without
   * `limit/uses`, and in a dry run. LOG-21
   */
  readonly approvers?: readonly string[]
}

/** The outcome of an intent. */
export interface OutcomeEvent extends EventBase {
  readonly kind: 'outcome'
  /** The `id` of the intent. */
  readonly intent: string
  /** `unknown`: the process ended, or the record could not be written. The call may have had its effect. */
  readonly status: 'ok' | 'error' | 'unknown'
  /** Duration of the handler. */
  readonly durationMs?: number
  /** Stable code of the error. Its message is not recorded. */
  readonly code?: string
  /** HTTP status of the upstream response. */
  readonly upstreamStatus?: number
}

/**
 * A call is refused. Its facts are claims of the call; `authenticated` reports whether they are those of the invoker.
 */
export interface DeniedEvent extends EventBase, CallFacts, RevocationAge {
  readonly kind: 'denied'
  /**
   * Whether the call and its delegations are signed, and lead from a subject of the service to the invoker. If not,
   * anybody may have written them, including the name of the invoker. Absent (unknown) in records of earlier versions.
   */
  readonly authenticated?: boolean
  /** A denial code of the authorization or of the guard, or `suppressed`, see `suppressedEvent`. */
  readonly code: DenialCode | (string & {})
  /** The requirement in `spec/` that is not met. */
  readonly requirement?: string
  /** Position in the chain, counted from 0: the root delegation is 0, the invocation last. */
  readonly at?: number
  /** With `policy_unsatisfied` and `policy_over_budget`. */
  readonly policy?: PolicyClause
  /** With the code `suppressed`: the number of denials that were not recorded. */
  readonly suppressed?: number
  /** With the code `suppressed`: the time of the first of them. */
  readonly since?: Timestamp
  /** The `id` of the intent, if the call was refused after its intent was recorded. */
  readonly intent?: string
  /** Duration of the decision. */
  readonly durationMs?: number
}

/** The facts of a delegation. Its policy is not recorded; see `createLedger`. */
interface DelegationFacts {
  /** CID of the delegation. */
  readonly delegation: string
  readonly issuer: string
  readonly audience: string
  /** Absent when the delegation is for any subject. */
  readonly subject?: string
  readonly command: string
  /** CIDs of its proofs, root first. */
  readonly chain?: readonly string[]
  /** SHA-256 of the policy as canonical bytes, in hexadecimal. */
  readonly policyHash?: string
  /** First second of its validity, if it has one. */
  readonly notBefore?: Timestamp
  /** Last second of its validity. Absent from the record if the delegation never expires. */
  readonly expiration: Timestamp | Never
}

/** A delegation was made. */
export interface IssuedEvent extends EventBase, DelegationFacts {
  readonly kind: 'issued'
}

/** A verified delegation was received, or used in a call, for the first time here. */
export interface SeenEvent extends EventBase, DelegationFacts {
  readonly kind: 'seen'
}

/** A vault released or used a credential for an intent. */
export interface ReleasedEvent extends EventBase, RevocationAge {
  readonly kind: 'released'
  /** The `id` of the intent. */
  readonly intent: string
  /** Name of the credential in the vault. */
  readonly vault: string
  /** Kind of the credential. */
  readonly credential?: 'static' | 'dynamic' | 'derived' | 'signer'
  /** Version of the credential; not the credential. */
  readonly version?: string
  /** Whether the store narrowed it to the capability of the call. */
  readonly downscoped: boolean
  /** Age of the value. */
  readonly ageMs?: number
  /** True if the store did not answer, and an earlier value was used. */
  readonly stale?: true
  /** Time at which the credential expires. */
  readonly expiresAt?: Timestamp
}

/** A delegation or principal was revoked. */
export interface RevokedEvent extends EventBase {
  readonly kind: 'revoked'
  /** CID of the delegation, or DID of the principal, that is revoked. */
  readonly revoked: string
  /** CID of the revocation, if it came from outside. */
  readonly revocation?: string
  /** DID of the revoker. */
  readonly issuer?: string
}

/** The end of the log was repaired. */
export interface RecoveredEvent extends EventBase {
  readonly kind: 'recovered'
  /**
   * The repair. `torn_tail`: an incomplete record was cut off. `failed_sync`: records that the disk failed to take were
   * cut off. `completed_line`: the last record received its missing line feed. No confirmed record is cut off after an
   * interrupted write. An attacker who can write the file can leave the same end; a checkpoint detects that.
   */
  readonly reason: 'torn_tail' | 'failed_sync' | 'completed_line'
  /** Name of the file. */
  readonly segment: string
  /** Number of bytes that were cut off. */
  readonly droppedBytes: number
  /** SHA-256 of those bytes, in hexadecimal. */
  readonly droppedHash: string
}

/** A signed statement that the log reached a record, see `Checkpoint`; `time` is signed too. */
export interface CheckpointEvent extends EventBase {
  readonly kind: 'checkpoint'
  /** Name of the log. */
  readonly log: string
  /** Number of that record. */
  readonly sequence: number
  /** Hash of that record, in hexadecimal. */
  readonly hash: string
  /** DID of the signer. */
  readonly signer: string
  /** Its signature, in base64url. */
  readonly signature: string
}

/** The point before which each call has an end on record, so that a recovery need not read further back. */
export interface SettledEvent extends EventBase {
  readonly kind: 'settled'
  /** Number of a record: intents with a lower number have an outcome. */
  readonly before: number
}

/** An event of an audit log. */
export type AuditEvent =
  | IntentEvent
  | OutcomeEvent
  | DeniedEvent
  | IssuedEvent
  | SeenEvent
  | ReleasedEvent
  | RevokedEvent
  | RecoveredEvent
  | CheckpointEvent
  | SettledEvent

/** The `id` of the intent that an event ends; undefined for other events. */
export function intentEndedBy(event: AuditEvent): string | undefined {
  return event.kind === 'outcome' || event.kind === 'denied' ? event.intent : undefined
}

/** The `id` of the intent that an event ends, or for which it releases a credential; undefined for other events. */
export function intentNamedBy(event: AuditEvent): string | undefined {
  return event.kind === 'released' ? event.intent : intentEndedBy(event)
}

/**
 * Whether an event is a denial of a call that is not known to come from its invoker. The names in it are claims, which
 * anybody may have written, and exports attribute it to nobody. AUD-24
 */
export function isClaimed(event: AuditEvent): boolean {
  // Records of earlier versions do not have the field.
  return event.kind === 'denied' && event.authenticated !== true
}

/** Makes the id of a new event: 128 random bits. */
export function newEventId(): string {
  return encodeHex(crypto.getRandomValues(new Uint8Array(16)))
}
