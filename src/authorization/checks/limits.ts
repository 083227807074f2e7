import { type Chain, linkName } from '../chain.ts'
import type { Denial } from '../denial.ts'

/** Every limit of the chain has enough left for this call. Checked last: no call that is refused uses anything up. */
export function checkLimits({ links }: Chain): Denial | undefined {
  const at = links.findIndex(({ link }) => link.policy.hasLimits)
  if (at < 0) return undefined
  // LMT-06
  return {
    code: 'limit_unsupported',
    message: `${linkName(at, links.length)} has a limit, which this service does not count`,
    at,
    requirement: 'LMT-06',
  }
}
