import { ArgumentError } from '../../errors.ts'
import {
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import { secondsOf } from '../../support/seconds-of.ts'
import { type Clock, systemClock } from '../../time.ts'
import { type ApprovableDenial, isApprovable } from '../request-approval.ts'
import { maxRequestLifetime } from '../tokens.ts'
import { type RequestableDecision, writeTime } from './wire.ts'

/** Options of {@link requestableDecision}. */
export interface RequestableDecisionOptions {
  /**
   * Identifies the decision until it expires, for example a random UUID. The service can recognize it in the access
   * request.
   */
  readonly evaluationId: string
  /** Seconds in which an access request can be made. Default 600; at most 3,600. */
  readonly expiresIn?: number
  /** The `https:` address for access requests. Default: the one in the metadata of the service. */
  readonly endpoint?: string
  /** Default: the system clock. */
  readonly clock?: Clock
}

/** The profile requires HTTPS. */
export const httpsUrl: OptionCheck = (value) =>
  typeof value === 'string' && URL.canParse(value) && new URL(value).protocol === 'https:'
    ? undefined
    : 'must be an `https:` URL'

const optionChecks = Object.freeze({
  evaluationId: nonEmptyString,
  expiresIn: withDefault(integerFrom(1, maxRequestLifetime), 600),
  endpoint: maybe(httpsUrl),
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<RequestableDecisionOptions>

/**
 * Writes a denial that an approval could change as a decision of AuthZEN, with `context.access_request`. It contains
 * the code of the denial, and nothing else of it. APR-72
 *
 * @throws ArgumentError when an option is missing or invalid, or no approval could permit the call.
 */
export function requestableDecision(
  denial: ApprovableDenial & { readonly code: string },
  options: RequestableDecisionOptions,
): RequestableDecision {
  const { evaluationId, expiresIn, endpoint, clock } = readOptions('requestableDecision', options, optionChecks)
  if (typeof Object(denial).code !== 'string' || !isApprovable(denial)) {
    throw new ArgumentError('requestableDecision: an approval cannot permit this call')
  }
  const expiresAt = writeTime(secondsOf(clock) + expiresIn)
  return Object.freeze({
    decision: false,
    context: Object.freeze({
      evaluation_id: evaluationId,
      reason: denial.code,
      access_request: Object.freeze({ expires_at: expiresAt, ...(endpoint !== undefined && { endpoint }) }),
    }),
  })
}
