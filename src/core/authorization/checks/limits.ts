import type { Chain } from '../chain.ts'
import type { Counter } from '../limits/counter.ts'
import type { Refusal } from '../refusal.ts'
import type { Settings } from '../settings.ts'

/** Whether a delegation of the chain has a limit. */
export function hasLimits({ links, approvals }: Chain): boolean {
  return approvals !== undefined || links.some(({ link }) => link.policy.hasLimits)
}

/**
 * This service can count every limit of the chain. Checked before the call is used up: no answer of a store changes it.
 *
 * @param chain - with a limit.
 */
export function checkLimits(chain: Chain, settings: Settings, counter: Counter | undefined): Refusal | undefined {
  const { links } = chain
  const at = links.findIndex(({ link }) => link.policy.hasLimits)
  if (counter !== undefined && links.every(({ link }) => !link.policy.hasLimits || link.payload !== undefined))
    return counter.refuse(chain, settings)
  // LMT-06
  return { code: 'limit_unsupported', at, requirement: 'LMT-06' }
}
