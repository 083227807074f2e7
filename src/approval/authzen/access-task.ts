import { ArgumentError } from '../../errors.ts'
import {
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
} from '../../support/options.ts'
import { secondsOf } from '../../support/seconds-of.ts'
import { systemClock } from '../../time.ts'
import type { Approval } from '../approve.ts'
import { type ApprovalAnswer, type ReadAnswerOptions, readApprovalAnswer } from '../read-answer.ts'
import type { ApprovalRequest } from '../request.ts'
import { httpsUrl } from './requestable-decision.ts'
import {
  type AccessTask,
  type AccessTaskStatus,
  maxContainerLength,
  member,
  readTime,
  refusalMember,
  textMember,
  writeTime,
} from './wire.ts'

/** Options of {@link accessTask}: with an approval, a refusal, or another state. */
export interface AccessTaskOptions {
  /** Identifies the task. Nobody can guess it: a random UUID, for example. */
  readonly id: string
  /** The `https:` address at which the state of the task can be read. */
  readonly statusEndpoint: string
  /** The answer of `approve`. */
  readonly approval?: Approval
  /** The answer of `refuse`. */
  readonly refusal?: string
  /** The state of a task without an answer. Default `pending`. */
  readonly status?: Exclude<AccessTaskStatus, 'approved' | 'denied'>
}

const optionChecks: OptionChecks<AccessTaskOptions> = Object.freeze({
  id: nonEmptyString,
  statusEndpoint: httpsUrl,
  approval: maybe(objectValue),
  refusal: maybe(nonEmptyString),
  status: maybe(oneOfStrings('pending', 'expired', 'cancelled', 'failed')),
})

/**
 * Writes the state of a request as a task: the body of the response to the access request (status 202, or 201 with an
 * answer) and to a `GET` of the status endpoint (status 200). APR-73
 *
 * @throws ArgumentError when an option is missing or invalid, or there is more than one answer.
 */
export function accessTask(request: ApprovalRequest, options: AccessTaskOptions): AccessTask {
  const { id, statusEndpoint, approval, refusal, status } = readOptions('accessTask', options, optionChecks)
  if ([approval, refusal, status].filter((one) => one !== undefined).length > 1) {
    throw new ArgumentError('accessTask: give one of `approval`, `refusal` and `status`')
  }
  const answered = approval !== undefined ? 'approved' : refusal !== undefined ? 'denied' : undefined
  const task = Object.freeze({
    id,
    status: answered ?? status ?? 'pending',
    status_endpoint: statusEndpoint,
    expires_at: writeTime(request.expiration),
    ...(refusal !== undefined && { display: Object.freeze({ [refusalMember]: refusal }) }),
  })
  if (approval === undefined) return Object.freeze({ task })
  const { delegation, container } = approval
  const until = Math.min(request.expiration, Number(delegation.expiration ?? Number.POSITIVE_INFINITY))
  return Object.freeze({
    task,
    result: Object.freeze({
      mode: 'reevaluate',
      approval: Object.freeze({ id: String(delegation.cid), approved_until: writeTime(until), state: container }),
    }),
  })
}

/** The result of {@link readAccessTask}. `closed`: the task ended without an answer. */
export type AccessTaskReading = ApprovalAnswer | { readonly answer: 'pending' } | { readonly answer: 'closed' }

/**
 * Reads the state of a task. Only an approval that `readApprovalAnswer` accepts is a yes; an unknown status or mode is
 * not. Any JSON leads to an answer and not to an exception. APR-74
 *
 * @param body - the parsed JSON.
 * @param options - as for `readApprovalAnswer`.
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { readAccessTask } from 'procura/approval/authzen'
 *
 * const answer = await readAccessTask(await response.json(), { request: asked })
 * if (answer.answer === 'approved') console.log(answer.proofs.length)
 * ```
 */
export async function readAccessTask(body: unknown, options: ReadAnswerOptions): Promise<AccessTaskReading> {
  const status = member(body, 'task', 'status')
  const isApproved = status === 'approved' && member(body, 'result', 'mode') === 'reevaluate'
  const place = isApproved ? ['result', 'approval', 'state'] : ['task', 'display', refusalMember]
  const container = textMember(body, place, maxContainerLength) ?? ''
  // The options are checked in each case.
  const answer = await readApprovalAnswer(container, options)
  if (isApproved) {
    const until = readTime(member(body, 'result', 'approval', 'approved_until'))
    const isOver = until === undefined || until < secondsOf(options.clock ?? systemClock)
    if (answer.answer === 'approved' && isOver)
      return invalid('the approval has no `approved_until`, or that time has passed')
    return answer.answer === 'refused' ? invalid('the approved task contains a refusal') : answer
  }
  if (status === 'pending') return Object.freeze({ answer: 'pending' })
  if (status === 'denied') return answer.answer === 'refused' ? answer : Object.freeze({ answer: 'closed' })
  if (status === 'expired' || status === 'cancelled' || status === 'failed') return Object.freeze({ answer: 'closed' })
  return invalid('the status of the task is unknown')
}

function invalid(message: string): ApprovalAnswer {
  return Object.freeze({ answer: 'invalid', message })
}
