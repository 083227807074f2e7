import { ArgumentError } from '../../errors.ts'
import { secondsOf } from '../../support/seconds-of.ts'
import { type Clock, systemClock } from '../../time.ts'
import type { ReadRequestOptions, RequestReading } from '../read-request.ts'
import { readApprovalRequest } from '../read-request.ts'
import type { ReceivedRequest } from '../request.ts'
import type { SentRequest } from '../request-approval.ts'
import {
  type AccessRequest,
  type AccessRequestDenial,
  type AccessRequestProblem,
  denialOf,
  maxContainerLength,
  member,
  readTime,
  requestMember,
  textMember,
} from './wire.ts'

/**
 * Writes a request for an approval as the body of an access request. Send it to the endpoint of the decision by `POST`,
 * as `application/json`. APR-70
 *
 * @param decision - the decision of the service, for example of `requestableDecision`.
 * @throws ArgumentError when the decision is not a denial with `context.access_request`.
 * @example
 * ```ts
 * import { accessRequest } from 'procura/approval/authzen'
 *
 * const body = JSON.stringify(accessRequest(sent, decision))
 * ```
 */
export function accessRequest(request: SentRequest, decision: unknown): AccessRequest {
  const { agent, subject, service, command, reason, container } = Object(request) as SentRequest
  if (typeof container !== 'string') {
    throw new ArgumentError('accessRequest: `request` must be a request that `requestApproval` returned')
  }
  return Object.freeze({
    subject: Object.freeze({ type: 'did', id: agent }),
    resource: Object.freeze({ type: 'did', id: subject, properties: Object.freeze({ service }) }),
    action: Object.freeze({ name: command }),
    context: Object.freeze({
      [requestMember]: container,
      ...(reason !== undefined && reason !== '' && { business_justification: reason }),
    }),
    denial: denialOf(decision),
  })
}

/** The result of {@link readAccessRequest}. */
export type AccessRequestReading =
  | {
      readonly valid: true
      readonly request: ReceivedRequest
      /**
       * The denial as the sender repeats it. It is not verified: compare `evaluation_id` with the decisions of the
       * service.
       */
      readonly denial: AccessRequestDenial
    }
  | { readonly valid: false; readonly problem: AccessRequestProblem }

/**
 * Reads and verifies the body of an access request. The signed request in it decides; the other members must agree with
 * it. Any JSON leads to an answer and not to an exception. APR-71
 *
 * @param body - the parsed JSON.
 * @param options - as for `readApprovalRequest`.
 * @throws ArgumentError when an option is missing or invalid.
 * @example
 * ```ts
 * import { approve } from 'procura/approval'
 * import { accessTask, readAccessRequest } from 'procura/approval/authzen'
 *
 * const reading = await readAccessRequest(await request.json(), { approver: owner.did })
 * if (reading.valid) {
 *   const approval = await approve(reading.request, { issuer: owner })
 *   const body = accessTask(reading.request, { id, statusEndpoint: 'https://approve.example/tasks/1', approval })
 * }
 * ```
 */
export async function readAccessRequest(body: unknown, options: ReadRequestOptions): Promise<AccessRequestReading> {
  const container = textMember(body, ['context', requestMember], maxContainerLength) ?? ''
  const reading = await readApprovalRequest(container, options)
  const denial = repeatedDenial(body)
  if (denial === undefined) return invalid('not_requestable', 'the access request has no denial of a decision')
  if (container === '') return invalid('invalid_denial_binding', `\`context\` has no \`${requestMember}\``)
  if (!reading.valid) return invalidReading(reading.denial)
  if (!agrees(body, reading.request)) {
    return invalid('invalid_denial_binding', 'the access request differs from the request that the agent signed')
  }
  const clock: Clock = options.clock ?? systemClock
  if ((readTime(denial.expires_at) ?? 0) < secondsOf(clock)) return invalid('expired_denial', 'the denial has expired')
  return Object.freeze({ valid: true, request: reading.request, denial })
}

/** The denial of a request has the members of a decision, in another place. */
function repeatedDenial(body: unknown): AccessRequestDenial | undefined {
  const denial = member(body, 'denial')
  const [token, template, expiresAt] = ['binding_token', 'template', 'expires_at'].map((name) => member(denial, name))
  try {
    return denialOf({
      decision: false,
      context: {
        ...(typeof denial === 'object' ? denial : {}),
        access_request: { binding_token: token, template, expires_at: expiresAt },
      },
    })
  } catch (error) {
    if (error instanceof ArgumentError) return undefined
    throw error
  }
}

function agrees(body: unknown, { agent, subject, service, command }: ReceivedRequest): boolean {
  return (
    member(body, 'items') === undefined &&
    member(body, 'subject', 'id') === agent &&
    member(body, 'resource', 'id') === subject &&
    member(body, 'resource', 'properties', 'service') === service &&
    member(body, 'action', 'name') === command
  )
}

/** The titles and the statuses of the problems that the profile defines. */
const problems = {
  not_requestable: ['Access is not requestable', 400],
  invalid_denial_binding: ['The access request is not bound to a denial', 400],
  expired_denial: ['The denial has expired', 410],
} as const

function invalid(name: keyof typeof problems, detail: string): AccessRequestReading {
  const [title, status] = problems[name]
  const type = `urn:openid:authzen:access-request:error:${name}`
  return Object.freeze({ valid: false, problem: Object.freeze({ type, title, status, detail }) })
}

/** The codes of a store or resolver that failed, which is not a fault of the request. */
const undecided: ReadonlySet<string> = new Set([
  'revocation_unknown',
  'replay_unknown',
  'key_unresolved',
  'internal_error',
])

/** Maps a denial of the signed request to a problem. */
function invalidReading({ code, message }: Extract<RequestReading, { valid: false }>['denial']): AccessRequestReading {
  if (code === 'expired') return invalid('expired_denial', message)
  if (!undecided.has(code)) return invalid('invalid_denial_binding', message)
  const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, detail: message }
  return Object.freeze({ valid: false, problem: Object.freeze(problem) })
}
