/**
 * A call as the rules see it: the invocation, and the delegations it names, in order.
 *
 * @module
 */

import type { CID } from 'multiformats/cid'
import type { Command } from '../capability/command.ts'
import type { CompiledPolicy } from '../capability/policy/compile.ts'
import type { Subject } from '../capability/subject.ts'
import type { Did } from '../did/did.ts'
import type { SignatureAlgorithm } from '../did/public-key.ts'
import type { InvocationFields } from '../invocation/invocation.ts'
import type { IpldValue } from '../ipld/value.ts'
import type { Never, Timestamp } from '../time.ts'
import type { Steps } from './machinery/steps.ts'
import type { CallOptions, VerificationSettings } from './settings.ts'

/**
 * What a delegation says, without its bytes. The same for every call that uses it, which is why it can be kept once
 * its signature has been verified. Time, revocation and policy are asked anew each time.
 */
export interface Link {
  readonly issuer: Did
  readonly audience: Did
  readonly subject: Subject
  readonly command: Command
  readonly policy: CompiledPolicy
  readonly notBefore?: Timestamp
  readonly expiration: Timestamp | Never
  /** Its CID as text, by which revocations name it. */
  readonly name: string
  /** The CID that the delegation has with the other ECDSA signature, as text; absent for Ed25519. */
  readonly twin?: string
  /** How many it counts for among those remembered, by `linkWeight`; absent for one. */
  readonly weight?: number
}

/** What a delegation with so many signed bytes counts for: its policy takes memory as it is long. */
export function linkWeight(signedBytes: number): number {
  return 1 + Math.floor(signedBytes / 512)
}

/** What verification needs of a token, in whatever format it came. */
export interface SignedBytes {
  /** 64 bytes. */
  readonly signature: Uint8Array
  /** As the token says; it has still to be that of the issuer's key. */
  readonly algorithm: SignatureAlgorithm
  /** What was signed. */
  readonly signed: Uint8Array
}

/** A delegation in a chain. */
export interface ChainLink {
  readonly link: Link
  /** What it is remembered by: the digest of its bytes, and whatever else its meaning depends on. */
  readonly key: string
  /** What has still to be verified; absent when it was before. */
  readonly unverified: SignedBytes | undefined
  /** What stands for the signature, where somebody else answers for the issuer: revoked there, it is revoked here. */
  readonly session?: Chain
}

/** The invocation of a call. */
export interface OpenInvocation {
  readonly envelope: SignedBytes
  readonly fields: InvocationFields
  readonly cid: CID
  /** The bytes whose hash names the task. */
  readonly task: () => Uint8Array
}

/** An argument that stands for the resource of a call. */
export interface ResourceArgument {
  readonly name: string
  /**
   * Finds out who owns what the argument names, in a call whose format has not: {@link Chain.resourceArgument}. Ends with
   * undefined when nobody does, or it could not be found out.
   */
  ownerOf(value: IpldValue, settings: VerificationSettings, call: CallOptions): Steps<Did | undefined>
}

/** A call: root delegation first, the invocation apart. */
export interface Chain {
  readonly links: readonly ChainLink[]
  readonly invocation: OpenInvocation
  /** The argument in which the format has put the resource of the call, whose owner is the subject. */
  readonly resourceArgument?: ResourceArgument
}

/** A place in a chain of `count` delegations, counted from 0. The invocation has the position `count`. */
export interface Position {
  readonly at: number
  readonly count: number
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
