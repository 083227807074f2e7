import type { Delegation } from '../core/delegation/delegation.ts'
import type { Invocation } from '../core/invocation/invocation.ts'

/** A signed call as it is sent. */
export interface SentCall {
  readonly invocation: Invocation
  /** The chain, root first. */
  readonly proofs: readonly Delegation[]
  /** Both as one string. */
  readonly container: string
}

/** The refusal of a service, as its response reports it. The texts are from the service. */
export interface ServiceDenial {
  readonly code: string
  readonly message: string
  readonly at?: number
  readonly requirement?: string
  /** True if an approval could permit the call. */
  readonly approvable?: true
}

/** The answer of a service. */
export type CallReply =
  | {
      readonly ok: true
      readonly value: unknown
      /** The receipt, as bytes or in a container. */
      readonly receipt?: Uint8Array | string
    }
  | { readonly ok: false; readonly denial: ServiceDenial }
  | {
      readonly ok: false
      /** The failure in one line, for people and models. */
      readonly failure: string
      readonly denial?: undefined
      /** Whether the service has executed the call. Default `unknown`. */
      readonly executed?: Execution
    }

/**
 * Whether a call was executed: `true` if its handler ended, `false` if it did not begin, and `unknown` if it failed, or
 * if the answer is not one of the service.
 */
export type Execution = boolean | 'unknown'

/**
 * Sends a call by a way other than HTTP, for example in an MCP request.
 *
 * - Resolves with the answer: a value, a denial, or the failure in one line.
 * - Rejects when the service could not be reached.
 */
export type SendCall = (call: SentCall, options: { readonly signal: AbortSignal }) => Promise<CallReply>
