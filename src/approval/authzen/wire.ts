/**
 * The JSON of the AuthZEN Access Request and Approval Profile 1.0, draft 1 (June 2026), as far as approvals use it.
 *
 * @module
 */

import { ArgumentError } from '../../errors.ts'
import type { Timestamp } from '../../time.ts'

/** A decision of the AuthZEN Authorization API that denies, and that an approval could change. */
export interface RequestableDecision {
  readonly decision: false
  readonly context: {
    readonly evaluation_id: string
    /** The code of the denial. */
    readonly reason: string
    readonly access_request: { readonly expires_at: string; readonly endpoint?: string }
  }
}

/** The part of a denied decision that the request repeats. */
export interface AccessRequestDenial {
  readonly evaluation_id?: string
  readonly evaluated_at?: string
  readonly expires_at: string
  readonly reason?: string
  readonly binding_token?: string
  readonly template?: string
}

/** The body of an access request. */
export interface AccessRequest {
  /** The agent. */
  readonly subject: { readonly type: 'did'; readonly id: string }
  /** The owner of the requested authority, and the service that has it. */
  readonly resource: { readonly type: 'did'; readonly id: string; readonly properties: { readonly service: string } }
  readonly action: { readonly name: string }
  /** The signed request, under `urn:procura:approval-request`, and the reason of the agent. */
  readonly context: Readonly<Record<string, string>>
  readonly denial: AccessRequestDenial
}

/** The state of an access request. */
export type AccessTaskStatus = 'pending' | 'approved' | 'denied' | 'expired' | 'cancelled' | 'failed'

/** The body of the response to an access request, and of its status. */
export interface AccessTask {
  readonly task: {
    readonly id: string
    readonly status: AccessTaskStatus
    readonly status_endpoint: string
    readonly expires_at: string
    /** The signed refusal, under `urn:procura:approval-refusal`. */
    readonly display?: Readonly<Record<string, string>>
  }
  /** With `approved` alone. `state` is the approval, with its chain. */
  readonly result?: {
    readonly mode: 'reevaluate'
    readonly approval: { readonly id: string; readonly approved_until: string; readonly state: string }
  }
}

/** A problem (RFC 9457), as the endpoint for access requests reports it. */
export interface AccessRequestProblem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
}

/** The name of the signed request in `context` of an access request. */
export const requestMember = 'urn:procura:approval-request'

/** The name of the signed refusal in `task.display`. */
export const refusalMember = 'urn:procura:approval-refusal'

/** The longest string that is read. A container can be longer than others. */
const maxTextLength = 2_048

/** Writes a time as RFC 3339 has it. */
export function writeTime(time: Timestamp): string {
  return new Date(time * 1_000).toISOString().replace('.000Z', 'Z')
}

/** Reads a time, in seconds. Undefined for any other value. */
export function readTime(value: unknown): Timestamp | undefined {
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/i.test(value))
    return undefined
  const milliseconds = Date.parse(value)
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1_000
}

/** A member of an object; undefined for any other value. Inherited members do not count. */
export function member(value: unknown, ...path: readonly string[]): unknown {
  let found = value
  for (const name of path) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined
    found = (found as Readonly<Record<string, unknown>>)[name]
  }
  return found
}

/** A string of limited length; undefined for any other value. */
export function textMember(value: unknown, path: readonly string[], most: number = maxTextLength): string | undefined {
  const found = member(value, ...path)
  return typeof found === 'string' && found !== '' && found.length <= most ? found : undefined
}

/** The longest text of a container. */
export const maxContainerLength = 524_288

/**
 * Reads the part of a denied decision that a request repeats. Members that the profile does not define are ignored.
 *
 * @throws ArgumentError when the decision is not a denial with `context.access_request`, or nothing identifies it.
 */
export function denialOf(decision: unknown): AccessRequestDenial {
  const expiresAt = textMember(decision, ['context', 'access_request', 'expires_at'])
  const evaluationId = textMember(decision, ['context', 'evaluation_id'])
  const bindingToken = textMember(decision, ['context', 'access_request', 'binding_token'], maxContainerLength)
  if (member(decision, 'decision') !== false || readTime(expiresAt) === undefined || expiresAt === undefined) {
    throw new ArgumentError('the decision must be a denial with `context.access_request` and its `expires_at`')
  }
  if (evaluationId === undefined && bindingToken === undefined) {
    throw new ArgumentError('the decision must have an `evaluation_id` or a `binding_token`')
  }
  const evaluatedAt = textMember(decision, ['context', 'evaluated_at'])
  const reason = textMember(decision, ['context', 'reason'])
  const template = textMember(decision, ['context', 'access_request', 'template'])
  return Object.freeze({
    ...(evaluationId !== undefined && { evaluation_id: evaluationId }),
    ...(evaluatedAt !== undefined && { evaluated_at: evaluatedAt }),
    expires_at: expiresAt,
    ...(reason !== undefined && { reason }),
    ...(bindingToken !== undefined && { binding_token: bindingToken }),
    ...(template !== undefined && { template }),
  })
}
