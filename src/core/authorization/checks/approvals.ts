import type { Timestamp } from '../../../time.ts'
import type { ApprovalRule } from '../../capability/definition.ts'
import type { InvocationFields } from '../../invocation/invocation.ts'
import { audienceOf, type Chain, type ChainLink, type Link } from '../chain.ts'
import type { ReadingCaches } from '../machinery/caches.ts'
import type { Steps } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { CallOptions, Settings } from '../settings.ts'
import { checkRevocation } from './revocation.ts'
import { checkLinkSignatures, type SignatureState } from './signatures.ts'

/** The parts of a decision that the check of approvals needs. */
export interface ApprovalContext {
  readonly now: Timestamp
  readonly settings: Settings
  readonly caches: ReadingCaches
  readonly state: SignatureState
}

/**
 * Longest time in seconds for which an approval may still be valid: one is for a call, and not a standing permission.
 */
const longest = 3_600

/**
 * Enough different approvers have approved this call. Their approvals are in the container, inside the chain or beside
 * it. The container is not read again: the caller may have changed its bytes since.
 *
 * @returns as many approvals as the rule requires, or the denial.
 */
export function* checkApprovals(
  chain: Chain,
  { approvers, threshold }: ApprovalRule,
  { now, settings, caches, state }: ApprovalContext,
  call: CallOptions,
): Steps<readonly ChainLink[] | Refusal> {
  const { fields } = chain.invocation
  const found = new Map<string, ChainLink>()
  for (const given of chain.delegations?.values() ?? []) {
    if (found.size >= threshold) break
    const { link, key } = given
    // One that is also in the chain was verified with it.
    const one = caches.links.get(key) === undefined ? given : { ...given, unverified: undefined }
    if (found.has(link.issuer) || !approvers.includes(link.issuer) || !hasForm(link, fields, now, settings)) continue
    const forged = yield* checkLinkSignatures([one], settings, state, call)
    // No statement is evaluated that its issuer did not sign.
    if (forged !== undefined || link.policy.failure(fields.args) !== undefined) continue
    const denial = yield* checkRevocation({ links: [one], invocation: chain.invocation }, settings, call)
    if (denial?.code === 'revocation_unknown') return denial
    if (denial === undefined) found.set(link.issuer, one)
  }
  if (found.size >= threshold) return Object.freeze([...found.values()])
  return {
    code: 'policy_unsatisfied',
    message: `\`${fields.command}\` needs approvals by ${threshold} of ${new Set(approvers).size} approvers, and the call has ${found.size}; request them, and send them with the call`,
    at: chain.links.length,
    requirement: 'APR-60',
    approvable: { audience: fields.issuer, subject: fields.subject, command: fields.command },
  }
}

/**
 * APR-61: whether a delegation is an approval of this call, if its issuer signed it and its policy allows the
 * arguments.
 */
function hasForm(
  link: Link,
  fields: InvocationFields,
  now: Timestamp,
  // A guard that asks about audiences has accepted that of the call.
  { clockTolerance, audiences = [audienceOf(fields)] }: Settings,
): boolean {
  const { policy } = link.policy
  return (
    isForOneCall(link, fields) &&
    policy.some(
      ([operator, calls, service]) =>
        operator === 'limit/uses' && calls === 1 && (service === undefined || audiences.some((own) => own === service)),
    ) &&
    link.payload !== undefined &&
    (link.notBefore === undefined || link.notBefore <= now + clockTolerance) &&
    typeof link.expiration === 'number' &&
    link.expiration >= now - clockTolerance &&
    link.expiration <= now + longest + clockTolerance
  )
}

/** Whether a delegation is by another principal to the invoker, for this command, once, and with the same arguments. */
export function isForOneCall(link: Link, { issuer: invoker, subject, command }: InvocationFields): boolean {
  const { policy } = link.policy
  return (
    link.issuer !== invoker &&
    link.audience === invoker &&
    link.subject === subject &&
    link.command === command &&
    policy.some((statement) => statement[0] === '==' && statement[1] === '.') &&
    policy.some(([operator, calls]) => operator === 'limit/uses' && calls === 1)
  )
}

/** Whether an approval was revoked, or has expired, since the decision. */
export function* checkApprovalsAgain(
  { approvals = [], invocation }: Chain,
  now: Timestamp,
  settings: Settings,
  call: CallOptions,
): Steps<'valid' | 'ended' | 'unknown'> {
  for (const one of approvals) {
    const { expiration } = one.link
    if (typeof expiration === 'number' && expiration < now - settings.clockTolerance) return 'ended'
    const refusal = yield* checkRevocation({ links: [one], invocation }, settings, call)
    if (refusal !== undefined) return refusal.code === 'revocation_unknown' ? 'unknown' : 'ended'
  }
  return 'valid'
}
