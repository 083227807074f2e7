// node only: its users read files
import type { Clock, Invocation, IpldMap, ReplayStore } from 'procura'
import { type ApprovalRequest, type ReceivedRequest, readApprovalAnswer, readApprovalRequest } from 'procura/approval'
import { compilePolicy } from 'procura/policy'
import { openContainer } from 'procura/token'
import type { HelloError } from '../../wire/hello.ts'
import { approvalId } from './approval-files.ts'

/** A request that waits for its approver, verified. */
export interface KeptRequest {
  readonly id: string
  readonly request: ReceivedRequest
  /** The request as the agent has signed it. */
  readonly container: string
}

/** The service and the agents whose requests are read. */
export interface ReadKeptOptions {
  /** The agents whose requests are read. Default: any agent. */
  readonly agents?: readonly string[]
  /** The store of the used requests. Default: no request is claimed. */
  readonly replay?: ReplayStore
  readonly clock?: Clock | undefined
}

/** The refusal of a request, as its agent receives it. */
export function approvalRefused(message: string): HelloError {
  return { code: 'approval_refused', message }
}

/** Verifies a request for whichever approver it names. */
export async function readKeptRequest(
  container: string,
  options: ReadKeptOptions = {},
): Promise<HelloError | KeptRequest> {
  const { agents, replay, clock } = options
  const approver = (await invocationIn(container))?.audience
  if (approver === undefined) return approvalRefused('it is not a request for an approval')
  const reading = await readApprovalRequest(container, {
    approver,
    ...(agents !== undefined && { agents }),
    ...(replay !== undefined && { replay }),
    ...(clock !== undefined && { clock }),
  })
  if (!reading.valid) return approvalRefused(reading.denial.message)
  const { request } = reading
  return Object.freeze({ id: approvalId(request.cid), request, container })
}

async function invocationIn(container: string): Promise<Invocation | undefined> {
  try {
    const { invocations } = await openContainer(container)
    return invocations[0]
  } catch {
    return undefined
  }
}

/** Whether two requests are of one agent for one call. The arguments are compared as a whole. */
export function isSameCall(one: ApprovalRequest, other: ApprovalRequest): boolean {
  return one.agent === other.agent && isRequestOf(one, other)
}

/** Whether a request is for a call. */
export function isRequestOf(
  { service, subject, command, args }: ApprovalRequest,
  call: Pick<ApprovalRequest, 'service' | 'subject' | 'command' | 'args'>,
): boolean {
  return service === call.service && subject === call.subject && command === call.command && areEqual(args, call.args)
}

/** Whether two maps of arguments are equal. Those that no policy can contain are not: no approval can permit them. */
function areEqual(args: IpldMap, others: IpldMap): boolean {
  try {
    return compilePolicy([['==', '.', args]]).evaluate(others) === undefined
  } catch {
    return false
  }
}

/** An answer to a request, verified. */
export type KeptAnswer = 'approved' | 'refused'

/** Verifies an answer. Undefined for a text that is not an answer to this request. */
export async function readKeptAnswer(
  container: string | undefined,
  { request }: KeptRequest,
  clock: Clock | undefined,
): Promise<KeptAnswer | undefined> {
  if (container === undefined) return undefined
  const { answer } = await readApprovalAnswer(container, { request, ...(clock !== undefined && { clock }) })
  return answer === 'invalid' ? undefined : answer
}

/** Whether a text is an answer to a request. */
export function answerReader(
  one: KeptRequest,
  clock: Clock | undefined,
): (container: string | undefined) => Promise<boolean> {
  return async (container) => (await readKeptAnswer(container, one, clock)) !== undefined
}
