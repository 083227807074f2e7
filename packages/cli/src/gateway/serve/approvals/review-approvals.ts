// node only: reads and writes files
import { type Clock, type Delegation, type Did, systemClock } from 'procura'
import type { ReceivedRequest } from 'procura/approval'
import { ArgumentError } from 'procura/errors'
import { openContainer } from 'procura/token'
import { maybe, nonEmptyString, type OptionChecks, objectValue, readOptions, withMethod } from '#support/options.ts'
import { quote } from '#support/quote.ts'
import type { GatewayConfig } from '../../configuration/read-gateway-config.ts'
import { approvalFiles, approvalId } from './approval-files.ts'
import { chainOf } from './enrolments.ts'
import { isApprovalId } from './id-texts.ts'
import { answerReader, type KeptRequest, readKeptAnswer, readKeptRequest } from './kept-request.ts'
import { passedOnBy } from './passed-on.ts'
import { bodyOf } from './request-body.ts'

/** A request of an agent that waits at a gateway. */
export interface WaitingApproval {
  readonly id: string
  /** The request, verified. It can be answered once with `approve` or `refuse`. */
  readonly request: ReceivedRequest
  readonly state: 'waiting' | 'approved' | 'refused'
  /**
   * The body of a request to an API, whose digest is an argument. Undefined for one without a body, with more than
   * 16,384 bytes, and for calls of tools.
   */
  readonly body?: Uint8Array
  /** The chain from the owner to the approver, for `approve`. Empty if the approver is the owner, or has none. */
  readonly proofs: readonly Delegation[]
  /**
   * The agents that have passed the authority on to the agent, the first one after the owner first. They are in a chain
   * that the agent has handed in, and that verifies without a look at revocations.
   */
  readonly through: readonly Did[]
}

/** Options of {@link listApprovals}. */
export interface ListApprovalsOptions {
  /** The configuration of the gateway, from `readGatewayConfig`. The gateway need not run. */
  readonly config: GatewayConfig
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const checks: OptionChecks<ListApprovalsOptions> = Object.freeze({
  config: objectValue,
  clock: maybe(withMethod('now')),
})

/**
 * Reads the requests that wait at a gateway. A file that is not the request of its name is left out: the agent may be
 * able to write into the folder. APR-85
 *
 * @returns the requests that have not expired, the oldest first.
 * @throws ArgumentError when an option is invalid.
 *
 * @example
 * ```ts
 * import { listApprovals, readGatewayConfig } from 'procura-cli'
 *
 * const config = await readGatewayConfig('/home/ada/.config/procura/gateway.json')
 * for (const { id, request } of await listApprovals({ config })) console.log(id, request.command)
 * ```
 */
export async function listApprovals(options: ListApprovalsOptions): Promise<readonly WaitingApproval[]> {
  const { config, clock } = readOptions('listApprovals', options, checks)
  const files = approvalFiles(config.approvalsFolder)
  const found: WaitingApproval[] = []
  for (const id of await files.ids()) {
    const read = await readRequest(config, id, clock)
    if (read === undefined) continue
    const state = (await readKeptAnswer(await files.answer(id), read, clock)) ?? 'waiting'
    const proofs = await chainOf(read.request, files, clock)
    const body = await bodyOf(await files.body(id), read.request.args)
    const through = await passedOnBy(await files.chain(id), read.request, clock)
    const shown = { proofs, through, ...(body !== undefined && { body }) }
    found.push(Object.freeze({ id, request: read.request, state, ...shown }))
  }
  return found.sort((one, other) => one.request.expiration - other.request.expiration)
}

/** Options of {@link answerApproval}. */
export interface AnswerApprovalOptions extends ListApprovalsOptions {
  /** The ID of the request. */
  readonly id: string
  /** The approval or the refusal, as `approve` or `refuse` made it. */
  readonly answer: string
}

/**
 * Stores the answer to a request, where the gateway finds it. It is verified before.
 *
 * @throws ArgumentError when there is no such request, it was answered, or the answer is not one by its approver;
 *   StoreError when something else is in its place; the error of the system when nothing can be written.
 *
 * @example
 * ```ts
 * import { refuse } from 'procura/approval'
 * import { answerApproval, listApprovals, readGatewayConfig } from 'procura-cli'
 *
 * const config = await readGatewayConfig('/home/ada/.config/procura/gateway.json')
 * for (const { id, request } of await listApprovals({ config })) {
 *   await answerApproval({ config, id, answer: await refuse(request, { issuer: owner }) })
 * }
 * ```
 */
export async function answerApproval(options: AnswerApprovalOptions): Promise<void> {
  const { config, clock, id, answer } = readOptions('answerApproval', options, {
    ...checks,
    id: nonEmptyString,
    answer: nonEmptyString,
  } satisfies OptionChecks<AnswerApprovalOptions>)
  const read = isApprovalId(id) ? await readRequest(config, id, clock) : undefined
  if (read === undefined)
    throw new ArgumentError(
      `there is no request ${quote(id)}, or it has expired; \`procura approve --list\` lists them`,
    )
  const files = approvalFiles(config.approvalsFolder)
  if ((await readKeptAnswer(answer, read, clock)) === undefined)
    throw new ArgumentError(`the answer is not one of the approver to the request ${quote(id)}`)
  if (!(await files.putAnswer(id, answer, answerReader(read, clock))))
    throw new ArgumentError(`the request ${quote(id)} has been answered`)
}

async function readRequest(
  { approvalsFolder }: GatewayConfig,
  id: string,
  clock: Clock | undefined,
): Promise<KeptRequest | undefined> {
  const container = await approvalFiles(approvalsFolder).request(id)
  const read = container === undefined ? undefined : await readKeptRequest(container, { clock })
  if (read === undefined || 'code' in read || read.id !== id) return undefined
  return read.request.expiration < (clock ?? systemClock).now() ? undefined : read
}

/** Options of {@link enrollApprover}. */
export interface EnrollApproverOptions {
  /** The configuration of the gateway, from `readGatewayConfig`. */
  readonly config: GatewayConfig
  /** A delegation to the approver with its chain, root first, as one string. */
  readonly enrolment: string
}

/**
 * Stores a delegation to an approver at a gateway, which sends it to the page with each request, so that approvals have
 * their chain. The approver also has to be in `approvals.approvers` of `gateway.json`.
 *
 * @throws ArgumentError when an option is invalid; MalformedError when the container is malformed.
 *
 * @example
 * ```ts
 * import { delegate, encodeContainer } from 'procura'
 * import { enrollApprover, readGatewayConfig } from 'procura-cli'
 *
 * const config = await readGatewayConfig('/home/ada/.config/procura/gateway.json')
 * const grant = await delegate({ issuer: owner, audience: agent.did, command: '/mcp/mail' })
 * await enrollApprover({ config, enrolment: encodeContainer([grant]) })
 * ```
 */
export async function enrollApprover(options: EnrollApproverOptions): Promise<void> {
  const { config, enrolment } = readOptions('enrollApprover', options, {
    config: objectValue,
    enrolment: nonEmptyString,
  } satisfies OptionChecks<EnrollApproverOptions>)
  const last = (await openContainer(enrolment)).delegations.at(-1)
  if (last === undefined) throw new ArgumentError('enrollApprover: `enrolment` must contain a delegation')
  await approvalFiles(config.approvalsFolder).putEnrolment(approvalId(last.cid), enrolment)
}
