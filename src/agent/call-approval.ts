import type { SentRequest } from '../approval/request-approval.ts'

/** How a refused call is approved by people. */
export interface CallApproval {
  /** The DIDs of the approvers. All of them are asked at the same time. */
  readonly approvers: readonly string[]
  /** How many of them have to approve. Default 1. */
  readonly threshold?: number
  /** The reason in the words of the agent, at most 500 characters. Default: none. */
  readonly reason?: string
  /** Seconds in which they can answer; at most 3,600. Default 600. */
  readonly expiresIn?: number
  /**
   * Sends a request to its approver. Resolves with the answer, or with undefined when the approver does not answer. An
   * error counts as no answer; `onError` of the agent receives it.
   */
  readonly ask: (
    request: SentRequest,
    options: { readonly signal: AbortSignal },
  ) => Promise<string | Uint8Array | undefined>
}
