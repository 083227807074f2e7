import { never, type Timestamp } from '../../../time.ts'
import type { UnsignedChain } from '../chain.ts'
import { approvableOf } from '../denial.ts'
import type { Refusal } from '../refusal.ts'
import type { VerificationSettings } from '../settings.ts'

/**
 * Every token is valid now, at the one time of the whole decision. Both bounds are inclusive, and the clock tolerance
 * is applied once to each. The invocation also expires soon.
 */
export function checkTimeBounds(
  chain: UnsignedChain,
  now: Timestamp,
  settings: Pick<VerificationSettings, 'clockTolerance' | 'maxInvocationLifetime'>,
): Refusal | undefined {
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
): Refusal | undefined {
  const { notBefore, expiration } = bounds
  const tolerance = settings.clockTolerance
  if (notBefore !== undefined && now < notBefore - tolerance) {
    return {
      code: 'not_yet_valid',
      at,
      requirement: 'TIM-02',
      detail: { kind: 'time', now, bound: notBefore },
    }
  }
  if (expiration !== never && now > expiration + tolerance) {
    return {
      code: 'expired',
      at,
      requirement: 'TIM-03',
      detail: { kind: 'time', now, bound: expiration },
      ...(at < chain.links.length && { approvable: approvableOf(chain.invocation.fields) }),
    }
  }
  return undefined
}
