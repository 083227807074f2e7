import { type Chain, type ChainLink, linkName } from '../chain.ts'
import type { Denial } from '../denial.ts'
import type { LoadedCounter } from '../limits/load-counter.ts'
import { type Steps, wait } from '../machinery/steps.ts'
import type { CallOptions, Settings } from '../settings.ts'

/** Whether a delegation of the chain has a limit. */
export function hasLimits({ links, approvals }: Chain): boolean {
  if (approvals !== undefined) return true
  for (let at = 0; at < links.length; at++) if ((links[at] as ChainLink).link.policy.hasLimits) return true
  return false
}

/**
 * Every limit of the chain has enough left for this call. Checked last: no call that is refused uses anything up.
 *
 * @param chain - with a limit.
 */
export function* checkLimits(
  chain: Chain,
  settings: Settings,
  counter: LoadedCounter | undefined,
  call: CallOptions,
): Steps<Denial | undefined> {
  const { links } = chain
  const at = links.findIndex(({ link }) => link.policy.hasLimits)
  if (counter !== undefined && links.every(({ link }) => !link.policy.hasLimits || link.payload !== undefined))
    return yield* (yield* wait(counter())).reserve(chain, settings, call)
  // LMT-06
  return {
    code: 'limit_unsupported',
    message: `${linkName(at, links.length)} has a limit, which this service does not count`,
    at,
    requirement: 'LMT-06',
  }
}
