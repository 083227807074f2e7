import { encodeContainer } from '../core/container/container.ts'
import { invoke } from '../core/invocation/invoke.ts'
import type { Signer } from '../core/principal/signer.ts'
import { abortSignal, maybe, readOptions, withDefault, withMethod } from '../support/options.ts'
import { secondsOf } from '../support/seconds-of.ts'
import { type Clock, systemClock } from '../time.ts'
import { checkGenuine } from './check-genuine.ts'
import type { ReceivedRequest } from './request.ts'
import { reasonCheck } from './request-approval.ts'
import { refusalDefinition } from './tokens.ts'

/** Options of {@link refuse}. */
export interface RefuseOptions {
  /** The approver, to whom the request is addressed. */
  readonly issuer: Signer
  /** The reason for the agent, at most 500 characters. Default: none. */
  readonly reason?: string
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Refuses a request, with a signature of the approver, so that the agent need not wait.
 *
 * @param received - as `readApprovalRequest` returned it; it can be answered once.
 * @returns the refusal as one string, for the agent.
 * @throws ArgumentError when an option is missing or invalid.
 * @throws AuthorizationError when the request was answered, or has expired.
 * @throws SigningError when the signer fails.
 */
export async function refuse(received: ReceivedRequest, options: RefuseOptions): Promise<string> {
  const { issuer, reason, clock, signal } = readOptions('refuse', options, {
    issuer: withMethod('sign'),
    reason: maybe(reasonCheck),
    clock: withDefault(withMethod('now'), systemClock),
    signal: abortSignal,
  })
  const request = checkGenuine(received, issuer, 'refuse')
  request.authorization.consume(secondsOf(clock))
  const refusal = await invoke({
    issuer,
    audience: request.agent,
    command: refusalDefinition,
    args: { request: String(request.cid), ...(reason !== undefined && { reason }) },
    clock,
    signal,
  })
  return encodeContainer([refusal])
}
