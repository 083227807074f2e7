/**
 * A call as the checks see it: the invocation, and its delegations in order.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Never, Timestamp } from '../../time.ts'
import type { Command } from '../capability/command.ts'
import type { ReadyPolicy } from '../capability/policy/ready-policy.ts'
import type { Subject } from '../capability/subject.ts'
import type { Did } from '../did/did.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import type { InvocationFields } from '../invocation/invocation.ts'
import type { IpldValue } from '../ipld/value.ts'
import type { Steps } from './machinery/steps.ts'
import type { CallOptions, VerificationSettings } from './settings.ts'

/**
 * The fields of a delegation, without its bytes. They are the same for every call that uses it, so they can be cached
 * once the signature has been verified. Time, revocation and policy are checked each time.
 */
export interface Link {
  readonly issuer: Did
  readonly audience: Did
  readonly subject: Subject
  readonly command: Command
  readonly policy: ReadyPolicy
  readonly notBefore?: Timestamp
  readonly expiration: Timestamp | Never
  /** Its CID as text, by which revocations name it. */
  readonly name: string
  /** The CID that the delegation has with the other ECDSA signature, as text; absent for Ed25519. */
  readonly twin?: string
  /**
   * Names its signed bytes, without the signature. Present if its policy has limits; a format without it does not
   * support limits.
   */
  readonly payload?: string
  /** How many it counts for among those remembered, by `linkWeight`; absent for one. */
  readonly weight?: number
}

/** The weight of a delegation in the cache: its policy takes memory in proportion to its bytes. */
export function linkWeight(signedBytes: number): number {
  return 1 + Math.floor(signedBytes / 512)
}

/** The parts of a token that verification needs, whatever the format. */
export interface SignedBytes {
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** As in the header of the token; not yet compared with the issuer's key. */
  readonly algorithm: SignatureAlgorithm
  /** The signed bytes. */
  readonly signed: Uint8Array
}

/** A delegation in a chain. */
export interface ChainLink {
  readonly link: Link
  /** Its key in the cache: the digest of its bytes, and of everything else that its meaning depends on. */
  readonly key: string
  /** The signature to verify; absent if it was verified before. */
  readonly unverified: SignedBytes | undefined
  /**
   * The chain that replaces the signature, if another principal attests for the issuer. Its revocation is a revocation
   * of this link.
   */
  readonly session?: Chain
}

/** The invocation of a call. */
export interface OpenInvocation {
  readonly envelope: SignedBytes
  readonly fields: InvocationFields
  /** Its name. It may be a getter, which computes the hash. */
  readonly cid: CID
  /** The bytes whose hash names the task. */
  readonly task: () => Uint8Array
}

/** An argument that contains the resource of a call. */
export interface ResourceArgument {
  readonly name: string
  /**
   * Looks up the owner of the resource, in a call whose format did not: {@link Chain.resourceArgument}. Returns
   * undefined when it has no owner, or the look-up failed.
   */
  ownerOf(value: IpldValue, settings: VerificationSettings, call: CallOptions): Steps<Did | undefined>
}

/** A call: root delegation first, the invocation apart. */
export interface Chain {
  readonly links: readonly ChainLink[]
  readonly invocation: OpenInvocation
  /**
   * All delegations of the container, by {@link ChainLink.key}: approvals need not be in the chain. A format without
   * them does not support approvals.
   */
  readonly delegations?: ReadonlyMap<string, ChainLink>
  /** Approvals of the call by different approvers, if its command needs some. They are verified. */
  readonly approvals?: readonly ChainLink[]
  /** The argument in which the format put the resource of the call, whose owner is the subject. */
  readonly resourceArgument?: ResourceArgument
}

/** The parts of a chain that can be checked before the call is signed. */
export interface UnsignedChain {
  readonly links: readonly Pick<ChainLink, 'link'>[]
  readonly invocation: Pick<OpenInvocation, 'fields'>
}

/**
 * The principal to which a call is addressed: its subject only if `aud` is absent. A field that objects inherit is not
 * one.
 */
export function audienceOf(fields: InvocationFields): Did {
  return Object.hasOwn(fields, 'audience') ? (fields.audience ?? fields.subject) : fields.subject
}

/**
 * Names a link of a chain with `count` delegations in a message. People count from one: the root delegation is
 * `delegation 1 of 2`.
 *
 * @param at - position in the chain, counted from 0 as in `Denial.at`.
 */
export function linkName(at: number, count: number): string {
  return at === count ? 'the invocation' : `delegation ${at + 1} of ${count}`
}
