/**
 * The HTTP response for a denial.
 *
 * @module
 */

import type { Denial } from '../core/authorization/denial.ts'
import { ArgumentError } from '../errors.ts'
import type { GuardDenial, GuardDenialCode } from '../guard/result.ts'
import { answerHeader } from '../support/answer-mark.ts'
import type { ContainerReading } from './read-container.ts'

/** The result of `readContainer` for a request without a container. */
type FailedReading = Extract<ContainerReading, { readonly found: false }>

/** A response for any server: `response.writeHead(status, headers).end(body)`, or `new Response(body, …)`. */
export interface DenialResponse {
  /** 400, 401, 403, 413, 429, 431, 503 or 510. */
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * JSON with `title`, `status`, `detail`, `code` and, if present, `at` (from 0), `requirement`, `prf` and
   * `approvable`, which is true.
   */
  readonly body: string
}

/** A status, with the error of RFC 6750 if there is one. */
interface Answer {
  readonly status: number
  readonly title: string
  readonly error?: 'invalid_request' | 'invalid_token' | 'insufficient_scope'
}

const wrong: Answer = { status: 400, title: 'Not a call', error: 'invalid_request' }
const invalid: Answer = { status: 401, title: 'Not a valid call', error: 'invalid_token' }
const forbidden: Answer = { status: 403, title: 'Not permitted', error: 'insufficient_scope' }
const unavailable: Answer = { status: 503, title: 'Not decided' }

/** HTP-05: faults of the bytes, of the tokens, of their permissions, and of the service. */
const answers: Readonly<Record<GuardDenialCode, Answer>> = Object.freeze({
  malformed: wrong,
  unsupported: wrong,
  too_large: { status: 413, title: 'Too large', error: 'invalid_request' },
  chain_too_long: wrong,
  invocation_missing: wrong,
  invocation_ambiguous: wrong,
  proof_missing: { status: 510, title: 'Send the proofs in `prf` as well' },
  not_yet_valid: invalid,
  expired: invalid,
  lifetime_too_long: invalid,
  nonce_too_short: invalid,
  audience_mismatch: invalid,
  principal_misaligned: forbidden,
  subject_misaligned: forbidden,
  root_not_subject: forbidden,
  subject_not_accepted: forbidden,
  command_not_covered: forbidden,
  command_unknown: forbidden,
  arguments_invalid: { status: 400, title: 'Not the arguments of the command', error: 'invalid_request' },
  signature_invalid: invalid,
  key_unresolved: invalid,
  policy_unsatisfied: forbidden,
  policy_over_budget: forbidden,
  revoked: invalid,
  revocation_unknown: unavailable,
  replayed: invalid,
  replay_unknown: unavailable,
  limit_unsupported: forbidden,
  limit_exhausted: forbidden,
  limit_busy: { status: 429, title: 'Too many calls' },
  limit_unknown: unavailable,
  internal_error: unavailable,
  audit_unavailable: unavailable,
  deadline_exceeded: unavailable,
  overloaded: unavailable,
  closed: unavailable,
  command_mismatch: forbidden,
  request_mismatch: forbidden,
  audience_unknown: unavailable,
  subject_unknown: unavailable,
  credential_missing: forbidden,
  credential_unknown: unavailable,
})

/**
 * Converts a denial to a response: a problem document (RFC 9457) that identifies the token, the rule and the argument,
 * with the challenge of RFC 6750, and marked as a refusal. Missing proofs are listed in `prf`, with status 510, as in
 * UCAN over HTTP; the same invocation may be sent again with them. The response repeats names, DIDs, times, CIDs and
 * the literals of a failed policy from the call, and up to 64 characters of a malformed DID, command or selector, but
 * no argument value. HTP-10
 *
 * The result of `readContainer` for a request without a container is converted likewise.
 *
 * @throws ArgumentError when `denial` is neither.
 *
 * @example
 * ```ts
 * import { denialResponse } from 'procura/http'
 *
 * const result = await guard.use(received, () => 'done')
 * if (!result.allowed) {
 *   const { status, headers, body } = denialResponse(result.denial)
 *   console.log(new Response(body, { status, headers }))
 * }
 * ```
 */
export function denialResponse(denial: Denial | GuardDenial | FailedReading): DenialResponse {
  if (denial !== undefined && 'found' in Object(denial)) return readingResponse(denial as FailedReading)
  return responseTo(denial as Denial | GuardDenial)
}

/** HTP-24: without credentials, the challenge has no error (RFC 6750, 3.1). */
function readingResponse({ status, message }: FailedReading): DenialResponse {
  const title = titles[status]
  if (title === undefined || typeof message !== 'string')
    throw new ArgumentError('denialResponse: `denial` must be the result of readContainer without a container')
  return plain(
    { title, status, detail: message, code: status === 401 ? 'container_missing' : 'container_unreadable' },
    { 'www-authenticate': status === 401 ? 'Bearer' : 'Bearer error="invalid_request"' },
  )
}

const titles: Readonly<Record<number, string>> = Object.freeze({
  400: 'Not a call',
  401: 'Not a call',
  413: 'Too large',
  431: 'Too large',
})

function responseTo(denial: Denial | GuardDenial): DenialResponse {
  const { code, message, at, requirement, missing, approvable, detail } = denial ?? {}
  if (!Object.hasOwn(answers, String(code)) || typeof message !== 'string')
    throw new ArgumentError('denialResponse: `denial` must be the denial of a decision')
  const { status, title, error } = answers[code]
  return plain(
    {
      ...{ title, status, detail: message, code, at, requirement },
      prf: missing?.map(String),
      approvable: approvable === undefined ? undefined : true,
    },
    {
      ...(error !== undefined && { 'www-authenticate': `Bearer error="${error}"` }),
      ...((code === 'limit_busy' || code === 'overloaded') && { 'retry-after': retryAfter(detail) }),
    },
  )
}

/** A problem document of RFC 9457. */
function plain(
  problem: { readonly status: number; readonly [name: string]: unknown },
  more: Readonly<Record<string, string>>,
): DenialResponse {
  return Object.freeze({
    status: problem.status,
    headers: Object.freeze({
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      [answerHeader]: 'refused',
      ...more,
    }),
    body: JSON.stringify(problem),
  })
}

/** HTP-11: the time at which a rate allows the next call, as a date; otherwise a second. */
function retryAfter(detail: Denial['detail']): string {
  const freeAt = detail?.kind === 'limit' ? detail.freeAt : undefined
  const date = new Date((freeAt ?? Number.NaN) * 1_000)
  return Number.isNaN(date.getTime()) ? '1' : date.toUTCString()
}
