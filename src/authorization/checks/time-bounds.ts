import { never, showTime, type Timestamp } from '../../time.ts'
import { linkName, type UnsignedChain } from '../chain.ts'
import { approvableOf, type Denial } from '../denial.ts'
import type { VerificationSettings } from '../settings.ts'

/**
 * Every token is valid now, at the one time of the whole decision. Both bounds are inclusive, and the clock tolerance is
 * applied once to each. The invocation also expires soon.
 */
export function checkTimeBounds(
  chain: UnsignedChain,
  now: Timestamp,
  settings: Pick<VerificationSettings, 'clockTolerance' | 'maxInvocationLifetime'>,
): Denial | undefined {
  const { links, invocation } = chain
  const { fields } = invocation
  for (let at = 0; at <= links.length; at++) {
    const denial = checkBounds(links[at]?.link ?? fields, at, chain, now, settings)
    if (denial !== undefined) return denial
  }
  const latest = now + settings.maxInvocationLifetime + settings.clockTolerance
  const expiration = fields.expiration === never ? Number.POSITIVE_INFINITY : fields.expiration
  if (expiration <= latest) return undefined
  return {
    code: 'lifetime_too_long',
    message:
      fields.expiration === never
        ? `the invocation never expires; sign a new one that expires within ${settings.maxInvocationLifetime} s`
        : `the invocation expires ${expiration - now} s from now, more than ${settings.maxInvocationLifetime} s; sign a new one that expires sooner`,
    at: links.length,
    requirement: 'TIM-05',
    detail: { kind: 'time', now, bound: latest },
  }
}

interface Bounds {
  readonly notBefore?: Timestamp | undefined
  readonly expiration: Timestamp | typeof never
}

function checkBounds(
  bounds: Bounds,
  at: number,
  chain: UnsignedChain,
  now: Timestamp,
  settings: Pick<VerificationSettings, 'clockTolerance' | 'maxInvocationLifetime'>,
): Denial | undefined {
  const { notBefore, expiration } = bounds
  const tolerance = settings.clockTolerance
  const count = chain.links.length
  if (notBefore !== undefined && now < notBefore - tolerance) {
    return {
      code: 'not_yet_valid',
      message: `${linkName(at, count)} is not valid before ${showTime(notBefore)}; it is now ${showTime(now)}; try again after that, with a new invocation`,
      at,
      requirement: 'TIM-02',
      detail: { kind: 'time', now, bound: notBefore },
    }
  }
  if (expiration !== never && now > expiration + tolerance) {
    const nextStep = at === count ? 'sign a new invocation' : 'ask its issuer for a new delegation'
    return {
      code: 'expired',
      message: `${linkName(at, count)} expired at ${showTime(expiration)}; it is now ${showTime(now)}; ${nextStep}`,
      at,
      requirement: 'TIM-03',
      detail: { kind: 'time', now, bound: expiration },
      ...(at < count && { approvable: approvableOf(chain.invocation.fields) }),
    }
  }
  return undefined
}
