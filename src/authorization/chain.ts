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
import type { Envelope } from '../envelope/open.ts'
import type { InvocationFields } from '../invocation/invocation.ts'
import type { Never, Timestamp } from '../time.ts'

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
  readonly notBefore: Timestamp | undefined
  readonly expiration: Timestamp | Never
  /** The CID that the delegation has with the other ECDSA signature, as text; absent for Ed25519. */
  readonly twin: string | undefined
}

/** A delegation in a chain. */
export interface ChainLink {
  readonly link: Link
  /** The digest of its bytes as a string, to look it up by. */
  readonly key: string
  /** Its bytes, opened, when the signature has still to be verified; absent when it was before. */
  readonly unverified: Envelope | undefined
}

/** The invocation of a call. */
export interface OpenInvocation {
  readonly envelope: Envelope
  readonly fields: InvocationFields
  readonly cid: CID
}

/** A call: root delegation first, the invocation apart. */
export interface Chain {
  readonly links: readonly ChainLink[]
  readonly invocation: OpenInvocation
}

/** How messages name a link of a chain with `count` delegations. */
export function linkName(at: number, count: number): string {
  return at === count ? 'the invocation' : `delegation ${at} of ${count}`
}
