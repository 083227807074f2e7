import type { Did } from '../../did/did.ts'
import type { IpldValue } from '../../ipld/value.ts'
import type { Limits } from '../../limits.ts'
import type { BoundedMap } from '../../support/bounded-map.ts'
import type { Timestamp } from '../../time.ts'
import type { Chain, Link } from '../chain.ts'
import type { Denial } from '../denial.ts'
import type { Steps } from '../machinery/steps.ts'
import type { CallOptions, VerificationSettings } from '../options.ts'

/** What a format is told about the decision that it reads for. */
export interface ReadingContext {
  /** The time of the decision. */
  readonly now: Timestamp
  /** What was said for this call; its signal ends what a format looks up. */
  readonly call: CallOptions
  /** Limits, tolerances, and what hashes. */
  readonly settings: VerificationSettings
  /**
   * Links whose signature was verified before, by {@link ChainLink.key}. One that is found there needs no `unverified`.
   */
  readonly memo: Pick<BoundedMap<Link>, 'get'>
}

/**
 * A way to write a call and its proofs. It turns bytes into a {@link Chain} and decides nothing: every rule about
 * chains is asked of what it gives back, by the same checks for all formats.
 */
export interface TokenFormat<Token = unknown> {
  /** Name and version, such as `ucan@1.0.0`. */
  readonly name: string
  /** Returns whether a container is in this format, by its first bytes; at most one format may say so. Never throws. */
  recognizes(container: string | Uint8Array): boolean
  /**
   * Reads a call strictly, within the limits. Ends with the chain, or with the denial when there is none; what is
   * malformed is a denial. Throws only for faults that are not the sender's.
   */
  read(container: string | Uint8Array, context: ReadingContext): Steps<Chain | Denial>
  /**
   * Reads the tokens of a container within the limits, and verifies none of them, for `openContainer`. Rejects with a
   * MalformedError when they are not. Default: the format cannot show its tokens.
   */
  open?(container: string | Uint8Array, options: { readonly limits: Limits }): Promise<readonly Token[]>
  /**
   * The argument in which the format puts the resource of a call. A call of whatever format that has this argument is
   * allowed only when the subject owns what it names. Default: none.
   */
  readonly resourceArgument?: ResourceArgument
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
