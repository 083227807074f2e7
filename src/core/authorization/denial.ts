/**
 * Reasons for the refusal of a call, as data.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Timestamp } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import type { PolicyObjection } from '../capability/policy/compile.ts'
import type { LimitStatement } from '../capability/policy/statement.ts'
import type { Did } from '../did/did.ts'

/**
 * Every reason for which a call is refused. Stable; compare these, not messages.
 *
 * | code | meaning |
 * |---|---|
 * | `malformed` | bytes or text are not of the form the specification gives |
 * | `unsupported` | a form that this library does not read, or that is not enabled |
 * | `too_large` | beyond a limit of size, depth or number |
 * | `chain_too_long` | more proofs than the limit allows |
 * | `invocation_missing`, `invocation_ambiguous` | the container holds no invocation, or more than one |
 * | `proof_missing` | a proof is named but not in the container; `missing` lists the CIDs |
 * | `not_yet_valid`, `expired` | outside the time bounds, clock tolerance included |
 * | `lifetime_too_long`, `nonce_too_short` | the invocation could be kept for too long, or repeated |
 * | `audience_mismatch` | the invocation is addressed to another service |
 * | `principal_misaligned` | a proof's audience is not the next token's issuer |
 * | `subject_misaligned` | the subject changes within the chain |
 * | `root_not_subject` | the chain does not start with the subject's own delegation |
 * | `subject_not_accepted` | authority over a subject that this service does not serve |
 * | `command_not_covered` | a proof's command does not cover the next one |
 * | `command_unknown`, `arguments_invalid` | not a command this service has, or not its arguments |
 * | `signature_invalid`, `key_unresolved` | not signed by the issuer, or no key known for the issuer |
 * | `policy_unsatisfied`, `policy_over_budget` | a policy of the chain does not permit these arguments |
 * | `revoked`, `revocation_unknown` | a delegation or principal is revoked, or it could not be found out |
 * | `replayed`, `replay_unknown` | this call was made before, or it could not be found out |
 * | `limit_unsupported` | a delegation has a limit, and this service does not count |
 * | `limit_exhausted` | a limit on uses or a sum has less left than this call needs |
 * | `limit_busy` | a limit on a rate or on concurrent calls is reached; a later call is possible |
 * | `limit_unknown` | it could not be found out how much of a limit is left |
 * | `internal_error` | the decision failed by an unexpected error, which `onError` gets |
 */
export type DenialCode =
  | 'malformed'
  | 'unsupported'
  | 'too_large'
  | 'chain_too_long'
  | 'invocation_missing'
  | 'invocation_ambiguous'
  | 'proof_missing'
  | 'not_yet_valid'
  | 'expired'
  | 'lifetime_too_long'
  | 'nonce_too_short'
  | 'audience_mismatch'
  | 'principal_misaligned'
  | 'subject_misaligned'
  | 'root_not_subject'
  | 'subject_not_accepted'
  | 'command_not_covered'
  | 'command_unknown'
  | 'arguments_invalid'
  | 'signature_invalid'
  | 'key_unresolved'
  | 'policy_unsatisfied'
  | 'policy_over_budget'
  | 'revoked'
  | 'revocation_unknown'
  | 'replayed'
  | 'replay_unknown'
  | 'limit_unsupported'
  | 'limit_exhausted'
  | 'limit_busy'
  | 'limit_unknown'
  | 'internal_error'

/** The details of a denial, for programs. Each shape lists its codes. */
export type DenialDetail =
  /** `malformed`, `unsupported`, `too_large` of one token: its place in the container, counted from 0. */
  | { readonly kind: 'token'; readonly index: number }
  /** `not_yet_valid`, `expired`, `lifetime_too_long`: the time of the decision and the bound that it breaks. */
  | { readonly kind: 'time'; readonly now: Timestamp; readonly bound: Timestamp }
  /** Mismatches of principals: the expected ones and the one found. */
  | { readonly kind: 'principal'; readonly expected: readonly string[]; readonly found: string }
  /** `command_not_covered`, `command_unknown`. `granted` is absent when the command is unknown to the service. */
  | { readonly kind: 'command'; readonly granted?: Command; readonly found: Command }
  /** `arguments_invalid`: the argument and its problem. */
  | { readonly kind: 'argument'; readonly argument: string; readonly problem: string }
  /** `policy_unsatisfied`, `policy_over_budget`: the statement that objects. */
  | { readonly kind: 'policy'; readonly objection: PolicyObjection }
  /** `revoked`: the CID of the delegation or the DID of the principal that is revoked. */
  | { readonly kind: 'revocation'; readonly revoked: string }
  /**
   * `limit_exhausted`, `limit_busy`: the limit, its index in the policy, and how much is left of it, in the form of its
   * maximum. `freeAt` is the time at which a rate allows a call again.
   */
  | {
      readonly kind: 'limit'
      readonly statement: number
      readonly limit: LimitStatement
      readonly remaining: number | string
      readonly freeAt?: Timestamp
    }

/**
 * A delegation that would permit the refused call, if a principal with the authority issued it: to the invoker, for
 * this subject and command, with the arguments of the call fixed by policy.
 */
export interface Approvable {
  /** The audience of the approval: the invoker. */
  readonly audience: Did
  /** The owner of the requested authority. */
  readonly subject: Did
  /** The requested command. */
  readonly command: Command
}

/** The claims of a refused call: for records and rate limits, not for decisions. */
export interface ClaimedCall {
  /**
   * Whether the invocation and its delegations are signed, and lead from a subject that this service acts for to the
   * invoker. If not, the claims may be anyone's.
   */
  readonly authenticated: boolean
  /** The invocation. */
  readonly invocation: CID
  /** The claimed invoker. */
  readonly invoker: Did
  /** The claimed owner of the authority. */
  readonly subject: Did
  /** The requested command. */
  readonly command: Command
  /** The delegations named, root first. */
  readonly proofs: readonly CID[]
}

/** The refusal of a call, and its reason. A denial never contains a secret, a key or a token. */
export interface Denial {
  /** The reason. */
  readonly code: DenialCode
  /**
   * One line for people: which link, which rule, which argument. May change between versions. People count from one:
   * `delegation 1 of 2` has position 0 in {@link Denial.at}, and `policy statement 1` has place 0 in the detail.
   */
  readonly message: string
  /**
   * Position in the chain, counted from 0: the root delegation is 0, the invocation last. Absent when the container as
   * a whole is refused.
   */
  readonly at?: number
  /** The requirement in `spec/` that is not met: three letters and a number. */
  readonly requirement: string
  /** The details, for programs. */
  readonly detail?: DenialDetail
  /** Present when a further delegation could permit the call: see `requestApproval` of `procura/approval`. */
  readonly approvable?: Approvable
  /** The claims of the call; absent when it could not be read. */
  readonly call?: ClaimedCall
  /** CIDs of the proofs that are missing, with `proof_missing`. */
  readonly missing?: readonly CID[]
}

/**
 * The delegation to ask for, when a call is refused because the chain does not permit it. APR-07
 */
export function approvableOf({ issuer, subject, command }: ApprovableFields): Approvable {
  return { audience: issuer, subject, command }
}

/** The fields of an invocation that an approval is for. */
export interface ApprovableFields {
  readonly issuer: Did
  readonly subject: Did
  readonly command: Command
}

/** Distinguishes a denial from the result of a reader, which has no `code`. */
export function isDenial<T extends object>(result: T): result is Extract<T, { readonly code: DenialCode }> {
  return 'code' in result
}
