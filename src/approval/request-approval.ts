import { encodeContainer } from '../core/container/container.ts'
import { parseDid } from '../core/did/did.ts'
import type { Invocation } from '../core/invocation/invocation.ts'
import { invoke } from '../core/invocation/invoke.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError } from '../errors.ts'
import {
  abortSignal,
  didString,
  integerFrom,
  maybe,
  type OptionCheck,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { parsedDid } from '../support/parsed-did.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'
import type { ApprovalRequest } from './request.ts'
import { maxReasonLength, maxRequestLifetime, type RequestArguments, requestDefinition } from './tokens.ts'

/** The parts of a denial that a request depends on: of a `Denial`, or of the response that a service sent. */
export interface ApprovableDenial {
  /** Present when an approval could permit the call. */
  readonly approvable?: unknown
}

/** Options of {@link requestApproval}. */
export interface RequestApprovalOptions {
  /** The agent: the issuer of the refused invocation. */
  readonly issuer: Signer
  /** The DID of the approver: the owner of the authority, or a principal to which the owner delegated the command. */
  readonly approver: string
  /** The refused invocation. */
  readonly invocation: Invocation
  /**
   * The reason in the words of the agent, at most 500 characters. The approver sees it as an unverified statement of
   * the agent. Default: none.
   */
  readonly reason?: string
  /** Seconds in which the approver can answer, and the approval be used; at most 3,600. Default 600. */
  readonly expiresIn?: number
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
}

/** A request as an agent sends it. */
export interface SentRequest extends ApprovalRequest {
  /** The request as one string, for the approver. */
  readonly container: string
}

/**
 * Requests the approval of a refused call, with exactly its arguments. Send `container` to the approver, for example as
 * the fragment of a link, and pass the answer to `readApprovalAnswer`.
 *
 * The request contains the agent, the call and the reason. It contains nothing of the denial.
 *
 * @param denial - the denial of the invocation, or the body of the response of `denialResponse`.
 * @throws ArgumentError when an option is missing or invalid, or no approval could permit the call.
 * @throws SigningError when the signer fails.
 *
 * @example
 * ```ts
 * import { requestApproval } from 'procura/approval'
 *
 * if (denial.approvable !== undefined) {
 *   const request = await requestApproval(denial, {
 *     issuer: agent,
 *     approver: owner.did,
 *     invocation: call,
 *     reason: 'Bob asked for the report by mail',
 *   })
 *   console.log(`https://approve.example.com/#${request.container}`)
 * }
 * ```
 */
export async function requestApproval(denial: ApprovableDenial, options: RequestApprovalOptions): Promise<SentRequest> {
  const given = readOptions('requestApproval', options, {
    issuer: withMethod('sign'),
    approver: didString,
    invocation: invocationCheck,
    reason: maybe(reasonCheck),
    expiresIn: withDefault(integerFrom(1, maxRequestLifetime), 600),
    clock: withDefault(withMethod('now'), systemClock),
    signal: abortSignal,
  })
  const { issuer, invocation, reason, expiresIn, clock, signal } = given
  const approver = parsedDid(parseDid, 'approver', given.approver)
  // APR-03
  if (objectValue(denial) !== undefined || !isApprovable(denial)) {
    throw new ArgumentError(
      'requestApproval: an approval cannot permit this call; request one only for a denial with `approvable`',
    )
  }
  if (issuer.did !== invocation.issuer) {
    throw new ArgumentError('requestApproval: `issuer` must be the signer of the invocation')
  }
  // APR-02
  const args: RequestArguments = {
    subject: invocation.subject,
    service: invocation.audience ?? invocation.subject,
    command: invocation.command,
    arguments: invocation.args,
    ...(reason !== undefined && { reason }),
  }
  const signed = await invoke({
    issuer,
    audience: approver,
    command: requestDefinition,
    args,
    expiresIn,
    clock,
    signal,
  })
  return Object.freeze({
    cid: signed.cid,
    agent: signed.issuer,
    approver,
    service: args.service,
    subject: args.subject,
    command: invocation.command,
    args: invocation.args,
    ...(reason !== undefined && { reason }),
    expiration: signed.expiration as Timestamp,
    container: encodeContainer([signed]),
  })
}

/** Whether an approval could permit the call. A response of a service has `true` in place of the details. */
export function isApprovable({ approvable }: ApprovableDenial): boolean {
  return approvable === true || (typeof approvable === 'object' && approvable !== null)
}

const invocationCheck: OptionCheck = (value) =>
  Object(value).kind === 'invocation' ? undefined : 'must be an invocation, as `invoke` returns it'

/** The reason of a request or a refusal. APR-04 */
export const reasonCheck: OptionCheck = (value) =>
  typeof value === 'string' && value.length <= maxReasonLength
    ? undefined
    : `must be a string of at most ${maxReasonLength} characters`
