/**
 * Why a call is refused, as data.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Command } from '../capability/command.ts'
import type { PolicyObjection } from '../capability/policy/compile.ts'
import type { Did } from '../did/did.ts'
import type { Timestamp } from '../time.ts'

/**
 * Every reason for which a call is refused. Stable; compare these, not messages.
 *
 * | code | meaning |
 * |---|---|
 * | `malformed` | bytes or text are not of the form the specification gives |
 * | `unsupported` | of a form this library does not read, or was not told to read |
 * | `too_large` | beyond a limit of size, depth or number |
 * | `chain_too_long` | more proofs than the limit allows |
 * | `invocation_missing`, `invocation_ambiguous` | the container holds no invocation, or more than one |
 * | `proof_missing` | a proof is named but not in the container; `missing` lists the CIDs |
 * | `not_yet_valid`, `expired` | outside the time bounds, clock tolerance included |
 * | `lifetime_too_long`, `nonce_too_short` | the invocation could be kept for too long, or repeated |
 * | `audience_mismatch` | the invocation is addressed to somebody else |
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
  | 'internal_error'

/** What a denial found, for programs. Which shape comes with which code is said beside each. */
export type DenialDetail =
  /** `malformed`, `unsupported`, `too_large` of one token: its place in the container, counted from 0. */
  | { readonly kind: 'token'; readonly index: number }
  /** `not_yet_valid`, `expired`, `lifetime_too_long`: the time of the decision and the bound that it breaks. */
  | { readonly kind: 'time'; readonly now: Timestamp; readonly bound: Timestamp }
  /** Mismatches of principals: who was expected and who was found. */
  | { readonly kind: 'principal'; readonly expected: readonly string[]; readonly found: string }
  /** `command_not_covered`, `command_unknown`. `granted` is absent when the command is unknown to the service. */
  | { readonly kind: 'command'; readonly granted?: Command; readonly found: Command }
  /** `arguments_invalid`: the argument and what is wrong with it. */
  | { readonly kind: 'argument'; readonly argument: string; readonly problem: string }
  /** `policy_unsatisfied`, `policy_over_budget`: the statement that objects. */
  | { readonly kind: 'policy'; readonly objection: PolicyObjection }
  /** `revoked`: the CID of the delegation or the DID of the principal that is revoked. */
  | { readonly kind: 'revocation'; readonly revoked: string }

/**
 * The delegation that would turn this denial into a yes, if somebody with the authority chose to make it: from an
 * approver to the invoker, for this subject and command, with the arguments of the refused call pinned by policy.
 */
export interface Approvable {
  /** To whom the approval has to be delegated: the invoker. */
  readonly audience: Did
  /** Whose authority is asked for. */
  readonly subject: Did
  /** What is asked for. */
  readonly command: Command
}

/** What a refused call says of itself: for records and for limits, not for decisions. */
export interface ClaimedCall {
  /**
   * Whether the invocation and its delegations are signed, and lead from a subject that this service acts for to the
   * invoker. If not, anybody may have written this, or somebody with keys of their own.
   */
  readonly authenticated: boolean
  /** The invocation. */
  readonly invocation: CID
  /** Who says to make the call. */
  readonly invoker: Did
  /** Whose authority is claimed. */
  readonly subject: Did
  /** What is asked for. */
  readonly command: Command
  /** The delegations named, root first. */
  readonly proofs: readonly CID[]
}

/** The answer no, and why. A denial never holds a secret, a key or a token. */
export interface Denial {
  /** Which reason. */
  readonly code: DenialCode
  /**
   * One line for people: which link, which rule, which argument. May change between versions. People count from one:
   * `delegation 1 of 2` has position 0 in {@link Denial.at}, and `policy statement 1` has place 0 in the detail.
   */
  readonly message: string
  /**
   * Position in the chain, counted from 0: the root delegation is 0, the invocation last. Absent when the container as a
   * whole is refused.
   */
  readonly at?: number
  /** The requirement in `spec/` that is not met: three letters and a number. */
  readonly requirement: string
  /** What was found, for programs. */
  readonly detail?: DenialDetail
  /** Present when a further delegation could permit the call. */
  readonly approvable?: Approvable
  /** What the call says of itself; absent when it could not be read. */
  readonly call?: ClaimedCall
  /** CIDs of the proofs that are missing, with `proof_missing`. */
  readonly missing?: readonly CID[]
}

/** Tells a denial from what was read: no other result of a reader has a `code`. */
export function isDenial<T extends object>(result: T | Denial): result is Denial {
  return 'code' in result
}
