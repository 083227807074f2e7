import { having, maybe, number } from '../check-options.ts'
import { type Clock, systemClock } from '../time.ts'
import { checkConfiguration } from './configuration.ts'

/** Options of {@link sampleDenials}. */
export interface SampleDenialsOptions {
  /** Denials of one issuer that are recorded in a period. Default 10. */
  readonly perIssuer?: number
  /** Denials that are recorded in a period in all. Default 1,000. */
  readonly inAll?: number
  /** Length of the period in seconds. Default 60. */
  readonly period?: number
  /** Issuers told apart in a period; the ones beyond count as one. Default 10,000. */
  readonly maxIssuers?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** Whether to record a denial. */
export type SampleVerdict =
  | { readonly record: false }
  /**
   * `suppressed`, for the field of that name: how many were not recorded and not told yet, of this issuer in this
   * period and of any in earlier ones.
   */
  | { readonly record: true; readonly suppressed: number }

/** Answers for each denial whether to record it. */
export type DenialSampler = (issuer: string) => SampleVerdict

/**
 * Keeps refused calls, which cost their sender nothing, from filling the log. Ask it for denials only: what is allowed
 * is always recorded. AUD-10
 *
 * The issuer of a refused call may be invented, so that a limit for each would be none: there is one for all as well.
 * What was not recorded is counted, and the next recorded denial says how many.
 */
export function sampleDenials(options: SampleDenialsOptions = {}): DenialSampler {
  checkConfiguration('denials', options, {
    perIssuer: maybe(number(1)),
    inAll: maybe(number(1)),
    period: maybe(number(1)),
    maxIssuers: maybe(number(1)),
    clock: maybe(having('now')),
  })
  const { perIssuer = 10, inAll = 1000, period = 60, maxIssuers = 10_000, clock = systemClock } = options
  const counts = new Map<string, Count>()
  const others: Count = { recorded: 0, suppressed: 0 }
  let began = clock.now()
  let recorded = 0
  /** Suppressed in earlier periods and not told yet. */
  let untold = 0

  function begin(now: number): void {
    for (const count of counts.values()) untold += count.suppressed
    untold += others.suppressed
    counts.clear()
    others.recorded = 0
    others.suppressed = 0
    recorded = 0
    began = now
  }

  function countOf(issuer: string): Count {
    const known = counts.get(issuer)
    if (known !== undefined) return known
    if (counts.size >= maxIssuers) return others
    const count: Count = { recorded: 0, suppressed: 0 }
    counts.set(issuer, count)
    return count
  }

  return (issuer) => {
    const now = clock.now()
    // A clock that was set back begins a period as well; else nothing would be recorded until it has caught up.
    if (now - began >= period || now < began) begin(now)
    const count = countOf(issuer)
    if (count.recorded >= perIssuer || recorded >= inAll) {
      count.suppressed++
      return { record: false }
    }
    count.recorded++
    recorded++
    const suppressed = count.suppressed + untold
    count.suppressed = 0
    untold = 0
    return { record: true, suppressed }
  }
}

interface Count {
  recorded: number
  suppressed: number
}
