import type { Bounds } from '../../../bounds.ts'
import type { Timestamp } from '../../../time.ts'
import type { Chain, ResourceArgument } from '../chain.ts'
import type { ReadingCaches } from '../machinery/caches.ts'
import type { Steps } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { CallOptions, Settings } from '../settings.ts'

/** The context in which a format reads a call. */
export interface ReadingContext {
  /** The time of the decision. */
  readonly now: Timestamp
  /** The options of this call. Its signal aborts the look-ups of a format. */
  readonly call: CallOptions
  /** The settings of the service: bounds, tolerances, the back end, and the revocation store. */
  readonly settings: Settings
  /** The caches of the authorizer. */
  readonly caches: ReadingCaches
}

/**
 * An encoding of a call and its proofs. It turns bytes into a {@link Chain} and decides nothing: the same checks apply
 * to the chains of all formats.
 */
export interface TokenFormat<Token = unknown> {
  /** Name and version, such as `ucan@1.0.0`. */
  readonly name: string
  /** Whether a container is in this format, by its first bytes. At most one format may return true. Never throws. */
  recognizes(container: string | Uint8Array): boolean
  /**
   * Reads a call strictly, within the bounds. Ends with the chain, or with a denial. Malformed input is a denial.
   * Throws only for faults that the sender did not cause.
   */
  read(container: string | Uint8Array, context: ReadingContext): Steps<Chain | Refusal>
  /**
   * Reads the tokens of a container for `openContainer`, within the bounds. It does not verify them. Rejects with a
   * MalformedError when a token is malformed or beyond a limit. Default: the format cannot show its tokens.
   */
  open?(container: string | Uint8Array, options: { readonly bounds: Bounds }): Promise<readonly Token[]>
  /**
   * The argument in which the format puts the resource of a call. A call of any format that has this argument is
   * allowed only when the subject owns that resource. Default: none.
   */
  readonly resourceArgument?: ResourceArgument
}
