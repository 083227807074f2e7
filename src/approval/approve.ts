import { eq, maxUses } from '../core/capability/policy/build.ts'
import { compilePolicy } from '../core/capability/policy/compile.ts'
import { anySubject } from '../core/capability/subject.ts'
import { encodeContainer } from '../core/container/container.ts'
import { attenuate } from '../core/delegation/attenuate.ts'
import { delegate } from '../core/delegation/delegate.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Signer } from '../core/principal/signer.ts'
import { ArgumentError, AttenuationError } from '../errors.ts'
import {
  abortSignal,
  arrayOf,
  flag,
  integerFrom,
  maybe,
  type OptionCheck,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { secondsOf } from '../support/seconds-of.ts'
import { type Clock, never, systemClock, type Timestamp } from '../time.ts'
import { checkGenuine } from './check-genuine.ts'
import type { ReceivedRequest } from './request.ts'
import { maxRequestLifetime } from './tokens.ts'

/** Options of {@link approve}. */
export interface ApproveOptions {
  /** The approver, to whom the request is addressed. */
  readonly issuer: Signer
  /** The chain from the subject to the approver, root first. Default: none, for an approver who is the subject. */
  readonly proofs?: readonly Delegation[]
  /** Seconds for which the approval is valid, but no longer than the request. Default: as long as the request. */
  readonly expiresIn?: number
  /**
   * Lets the agent make the same call any number of times until the approval expires, for a service without a
   * `limitStore`. Default false: the approval is for one call.
   */
  readonly repeatable?: boolean
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Aborts signing. */
  readonly signal?: AbortSignal | undefined
}

/** An approval: a delegation to the agent, for one call. */
export interface Approval {
  /** The delegation. */
  readonly delegation: Delegation
  /** The delegation with its proofs as one string, for the agent. */
  readonly container: string
}

/**
 * Approves a request: delegates the command to the agent, for one call with exactly the arguments of the request. The
 * approval is valid for minutes, until the request expires.
 *
 * @param received - as `readApprovalRequest` returned it; it can be answered once.
 * @throws ArgumentError when an option is missing or invalid, or the approver lacks the authority.
 * @throws AttenuationError when the proofs do not permit the call.
 * @throws AuthorizationError when the request was answered, or has expired.
 * @throws SigningError when the signer fails.
 */
export async function approve(received: ReceivedRequest, options: ApproveOptions): Promise<Approval> {
  const given = readOptions('approve', options, {
    issuer: withMethod('sign'),
    proofs: withDefault(arrayOf(delegationCheck), Object.freeze([])),
    expiresIn: maybe(integerFrom(1, maxRequestLifetime)),
    repeatable: withDefault(flag, false),
    clock: withDefault(withMethod('now'), systemClock),
    signal: abortSignal,
  })
  const { issuer, clock, signal } = given
  const proofs = [...given.proofs]
  const request = checkGenuine(received, issuer, 'approve')
  checkAuthority(request, proofs)
  const now = secondsOf(clock)
  // APR-24
  request.authorization.consume(now)
  const { agent, command, args, cid, service } = request
  const authority = {
    issuer,
    audience: agent,
    command,
    // APR-20, APR-27
    policy: given.repeatable ? [eq('.', args)] : [eq('.', args), maxUses(1, service)],
    expiration: expirationOf(request, proofs, now, given.expiresIn),
    // APR-21
    nonce: cid.multihash.digest,
    meta: { request: cid, service },
    signal,
  }
  const delegation = await (proofs.length === 0 ? delegate(authority) : attenuate(proofs, authority))
  return Object.freeze({ delegation, container: encodeContainer([...proofs, delegation]) })
}

/** An approval that the service would refuse helps nobody, and its approver would not learn of it. APR-23 */
function checkAuthority({ subject, approver, args }: ReceivedRequest, proofs: readonly Delegation[]): void {
  const owner = proofs.find((proof) => proof.subject !== anySubject)?.subject ?? approver
  if (owner !== subject) {
    throw new ArgumentError(
      `approve: the request is about the authority of ${subject}; pass as \`proofs\` the chain that leads from it to the approver`,
    )
  }
  for (const [at, proof] of proofs.entries()) {
    if (compilePolicy(proof.policy).evaluate(args) === undefined) continue
    throw new AttenuationError(
      `approve: proof ${at + 1} of ${proofs.length} does not permit these arguments; the approver cannot approve this call`,
    )
  }
}

/** The earliest of the request, the proofs and the option. APR-22 */
function expirationOf(
  request: ReceivedRequest,
  proofs: readonly Delegation[],
  now: Timestamp,
  expiresIn: number | undefined,
): Timestamp {
  const bounds = proofs.flatMap(({ expiration }) => (expiration === never ? [] : [expiration]))
  return Math.min(request.expiration, ...bounds, ...(expiresIn === undefined ? [] : [now + expiresIn]))
}

/** Checks a delegation of the caller by its kind. */
export const delegationCheck: OptionCheck = (value) =>
  Object(value).kind === 'delegation' ? undefined : 'must be a delegation'
