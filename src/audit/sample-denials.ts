import { numberFrom, type OptionChecks, readOptions, withDefault, withMethod } from '../support/options.ts'
import { type Clock, secondsOf, systemClock, type Timestamp } from '../time.ts'

/** Options of {@link sampleDenials}. */
export interface SampleDenialsOptions {
  /** Authenticated denials of one invoker that are recorded in a period. Default 10. */
  readonly perIssuer?: number
  /** Authenticated denials that are recorded in a period in all. Default 1,000. */
  readonly inAll?: number
  /** Other denials that are recorded in a period, of all claimed invokers together. Default 100. */
  readonly unauthenticated?: number
  /** Length of the period in seconds. Default 60. */
  readonly period?: number
  /** Invokers that are distinguished in a period; further ones count as one. Default 10,000. */
  readonly maxIssuers?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const checks = Object.freeze({
  perIssuer: withDefault(numberFrom(1), 10),
  inAll: withDefault(numberFrom(1), 1_000),
  unauthenticated: withDefault(numberFrom(1), 100),
  period: withDefault(numberFrom(1), 60),
  maxIssuers: withDefault(numberFrom(1), 10_000),
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<SampleDenialsOptions>

/** The checks of {@link SampleDenialsOptions}, with the defaults. */
export const samplingChecks: OptionChecks<SampleDenialsOptions> = checks

/** Denials that were left out of the log. */
export interface SuppressedDenials {
  /** Whether the calls were authenticated. */
  readonly authenticated: boolean
  /** How many, 1 or more. */
  readonly count: number
  /** When the first of them was refused. */
  readonly since: Timestamp
}

/** Selects denials to record, and counts the others. */
export interface DenialSampler {
  /** Length of its period in seconds. */
  readonly period: number
  /**
   * Returns whether to record a denial. If not, it is counted.
   *
   * @param invoker - `denial.call.invoker` where `denial.call.authenticated`; undefined of any other call.
   */
  admit(invoker: string | undefined): boolean
  /** Counts a denial that was admitted and whose record was not confirmed; `invoker` as for `admit`. */
  lose(invoker: string | undefined): void
  /** Whether the first unreported denial is a period old. */
  isDue(): boolean
  /**
   * Returns the unreported denials, authenticated ones and others separately, and counts them as reported. Each item is
   * for one event, see `suppressedEvent`.
   */
  take(): readonly SuppressedDenials[]
  /** Counts denials from `take` again that could not be reported. */
  giveBack(denials: SuppressedDenials): void
}

/**
 * Keeps refused calls, which cost their sender nothing, from filling the log. Use it for denials only: allowed calls
 * are always recorded. AUD-10
 *
 * The invoker of an unauthenticated call can be invented: the name of a victim, or a key that was made for this call.
 * All such calls share one limit, apart from the limits of authenticated denials.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function sampleDenials(options: SampleDenialsOptions = {}): DenialSampler {
  const { perIssuer, inAll, unauthenticated, period, maxIssuers, clock } = readOptions('sampleDenials', options, checks)
  /** Recorded in this period, by invoker. The empty name is for invokers beyond `maxIssuers`. */
  const issuers = new Map<string, number>()
  let recorded = { authenticated: 0, others: 0 }
  let began = secondsOf(clock)
  let unreported: SuppressedDenials[] = []

  /** A clock that was set back begins a new period; otherwise no denial would be recorded until it has caught up. */
  function isOver(start: number, now: number): boolean {
    return now - start >= period || now < start
  }

  function count(invoker: string | undefined): boolean {
    if (invoker === undefined) return recorded.others < unauthenticated && ++recorded.others > 0
    const key = issuers.has(invoker) || issuers.size < maxIssuers ? invoker : ''
    const known = issuers.get(key) ?? 0
    if (known >= perIssuer || recorded.authenticated >= inAll) return false
    issuers.set(key, known + 1)
    recorded.authenticated++
    return true
  }

  function lose(invoker: string | undefined): void {
    giveBack({ authenticated: invoker !== undefined, count: 1, since: secondsOf(clock) })
  }

  function giveBack({ authenticated, count: more, since }: SuppressedDenials): void {
    const same = unreported.find((known) => known.authenticated === authenticated)
    const sum = { authenticated, count: more + (same?.count ?? 0), since: Math.min(since, same?.since ?? since) }
    unreported = [...unreported.filter((known) => known !== same), sum]
  }

  return Object.freeze({
    period,
    admit(invoker: string | undefined) {
      const now = secondsOf(clock)
      if (isOver(began, now)) {
        issuers.clear()
        recorded = { authenticated: 0, others: 0 }
        began = now
      }
      if (count(invoker)) return true
      lose(invoker)
      return false
    },
    lose,
    giveBack,
    isDue: () => unreported.some(({ since }) => isOver(since, secondsOf(clock))),
    take() {
      const taken = unreported
      unreported = []
      return taken
    },
  })
}
