/**
 * The parts of a test about approvals: an owner, an agent whose delegation is too narrow, and the refused call.
 *
 * @module
 */

import { type ReadRequestOptions, readApprovalRequest } from '../../src/approval/read-request.ts'
import type { ReceivedRequest } from '../../src/approval/request.ts'
import { type RequestApprovalOptions, requestApproval, type SentRequest } from '../../src/approval/request-approval.ts'
import type { Denial } from '../../src/core/authorization/denial.ts'
import type { LimitStore } from '../../src/core/authorization/limits/limit-store.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { parsePolicy } from '../../src/core/capability/policy/parse-policy.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import type { Invocation } from '../../src/core/invocation/invocation.ts'
import type { IpldMap } from '../../src/core/ipld/value.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, createService } from '../support/service.ts'

export const owner: Signer = await actor('owner')
export const agent: Signer = await actor('agent')
export const mallory: Signer = await actor('mallory')

/** The delegation that does not permit the calls of these tests. */
export const narrow: Delegation = await delegate({
  issuer: owner,
  audience: agent.did,
  command: '/mail/send',
  policy: parsePolicy([['like', '.to', '*@secret-limit.example']]),
  expiration: now + 600,
})

/** A call that the service refuses. */
export function refusedCall(args: IpldMap = { to: 'bob@example.com', subject: 'Report' }): Promise<Invocation> {
  return call({ issuer: agent, args, proofs: [narrow] })
}

/** The denial of a call, with these proofs. */
export async function denialOf(invocation: Invocation, proofs: readonly Delegation[] = [narrow]): Promise<Denial> {
  const decision = await createService().authorize(encodeContainer([invocation, ...proofs]))
  if (decision.allowed) throw new Error('the call is allowed')
  return decision.denial
}

/** A request for a refused call. */
export async function sentRequest(
  change: Partial<RequestApprovalOptions> & { readonly args?: IpldMap } = {},
): Promise<SentRequest> {
  const { args, ...options } = change
  const invocation = options.invocation ?? (await refusedCall(args))
  return requestApproval(await denialOf(invocation), {
    issuer: agent,
    approver: owner.did,
    clock,
    invocation,
    ...options,
  })
}

/** The same as its approver reads it. */
export async function receivedRequest(
  request: SentRequest,
  change: Partial<ReadRequestOptions> = {},
): Promise<ReceivedRequest> {
  const reading = await readApprovalRequest(request.container, { approver: request.approver, clock, ...change })
  if (!reading.valid) throw new Error(reading.denial.message)
  return reading.request
}

/** Makes a call to the service with these proofs, by the agent if no other is named. */
export async function tryCall(
  proofs: readonly Delegation[],
  args: IpldMap,
  change: {
    readonly issuer?: Signer
    readonly command?: string
    readonly at?: number
    readonly audience?: string
    readonly limitStore?: LimitStore | undefined
  } = {},
): Promise<string> {
  const { issuer = agent, at = now, limitStore, ...rest } = change
  const time = { now: () => at }
  const invocation = await call({ issuer, args, proofs, subject: owner.did, expiration: at + 60, ...rest })
  const counting = 'limitStore' in change ? limitStore : memoryLimitStore({ clock: time })
  const decision = await createService({
    clock: time,
    ...(counting !== undefined && { limitStore: counting }),
  }).authorize(encodeContainer([invocation, ...proofs]))
  return decision.allowed ? 'allowed' : decision.denial.code
}

export { attenuate }
