/**
 * The options of an authorizer as the rules read them: checked, with their defaults.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Clock } from '../../time.ts'
import type { CommandDefinition } from '../capability/definition.ts'
import type { Did } from '../did/did.ts'
import type { DidResolver } from '../did/resolver.ts'
import type { Decoding } from '../envelope/complete-decoding.ts'
import type { InvocationFields } from '../invocation/invocation.ts'
import type { CryptoBackend } from '../principal/backend/backend.ts'
import type { RevocationStore } from '../revocation/revocation-store.ts'
import type { Denial } from './denial.ts'
import type { ReplayStore } from './replay-store.ts'

/** Options of one call. */
export interface CallOptions {
  /** Ends look-ups that take too long; the call is refused then. */
  readonly signal?: AbortSignal | undefined
}

/** A call that is signed. */
export interface CheckedCall {
  readonly fields: InvocationFields
  /** Its name. It may be a getter, which computes the hash. */
  readonly cid: CID
  /** The bytes whose hash names the task. */
  readonly task: () => Uint8Array
}

/** A call, and the delegations of its chain, root first. */
export interface CheckedChain {
  readonly invocation: CheckedCall
  readonly links: readonly { readonly link: { readonly issuer: Did } }[]
}

/**
 * A further check of a guard. It sees calls that are signed and permitted by their chain, before they are claimed in
 * the replay store: a call that it refuses burns no nonce.
 */
export type FurtherCheck = (
  call: CheckedChain,
  options: CallOptions,
) => Denial | undefined | Promise<Denial | undefined>

/** Options of one decision of a guard. Users of an authorizer cannot pass a check. */
export interface DecideOptions extends CallOptions {
  readonly furtherCheck?: FurtherCheck | undefined
}

/** How tokens are read and verified. */
export interface VerificationSettings extends Decoding {
  readonly clock: Clock
  /** Seconds. */
  readonly clockTolerance: number
  /** Seconds; infinity accepts invocations that never expire. */
  readonly maxInvocationLifetime: number
  /** Undefined resolves `did:key` alone. */
  readonly resolver: DidResolver | undefined
  readonly rememberProofs: boolean
  readonly backend: CryptoBackend
  /** Never throws. */
  readonly onError: (error: unknown) => void
}

/** All that the rules know about the service. */
export interface Settings extends VerificationSettings {
  /** The present one first; undefined accepts every audience, for a guard that asks about it. */
  readonly audiences: readonly Did[] | undefined
  /** Undefined accepts every subject. */
  readonly subjects: ReadonlySet<string> | undefined
  /** By name; undefined accepts every command unchecked. */
  readonly commands: ReadonlyMap<string, CommandDefinition> | undefined
  readonly revocations: RevocationStore
  readonly replay: ReplayStore
  readonly minimumNonceBytes: number
}
