import { maybe, numberFrom, readOptions, withMethod } from '../support/options.ts'
import { type Clock, systemClock, type Timestamp } from '../time.ts'

/** Options of {@link sampleDenials}. */
export interface SampleDenialsOptions {
  /** Authenticated denials of one invoker that are recorded in a period. Default 10. */
  readonly perIssuer?: number
  /** Authenticated denials that are recorded in a period in all. Default 1,000. */
  readonly inAll?: number
  /** Other denials that are recorded in a period, whoever they claim to come from. Default 100. */
  readonly unauthenticated?: number
  /** Length of the period in seconds. Default 60. */
  readonly period?: number
  /** Invokers told apart in a period; the ones beyond count as one. Default 10,000. */
  readonly maxIssuers?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** Denials that were left out of the log. */
export interface SuppressedDenials {
  /** Whether they were of authenticated calls. */
  readonly authenticated: boolean
  /** How many, 1 or more. */
  readonly count: number
  /** When the first of them was refused. */
  readonly since: Timestamp
}

/** Says which denials to record, and counts the others. */
export interface DenialSampler {
  /** Length of its period in seconds. */
  readonly period: number
  /**
   * Whether to record one more denial. One that is not recorded is counted.
   *
   * @param invoker - `denial.call.invoker` where `denial.call.authenticated`; undefined of any other call.
   */
  admit(invoker: string | undefined): boolean
  /** Counts a denial that was admitted and whose record was not confirmed; `invoker` as for `admit`. */
  lose(invoker: string | undefined): void
  /** Whether the first denial that was left out and is not reported yet is a period old. */
  isDue(): boolean
  /**
   * Takes the denials that were left out and are not reported yet, authenticated ones and others apart. Each item is for an
   * event of its own, see `suppressedEvent`; from now on it counts as reported.
   */
  take(): readonly SuppressedDenials[]
  /** Counts denials again that were taken and could not be reported. */
  giveBack(denials: SuppressedDenials): void
}

/**
 * Keeps refused calls, which cost their sender nothing, from filling the log. Ask it for denials only: what is allowed
 * is always recorded. AUD-10
 *
 * The invoker of a call that is not authenticated can be invented: it can be the name of a victim, or a key that was made
 * for this call. So there is one limit for all of these, and it is not the one of authenticated denials.
 */
export function sampleDenials(options: SampleDenialsOptions = {}): DenialSampler {
  readOptions('denials', options, {
    perIssuer: maybe(numberFrom(1)),
    inAll: maybe(numberFrom(1)),
    unauthenticated: maybe(numberFrom(1)),
    period: maybe(numberFrom(1)),
    maxIssuers: maybe(numberFrom(1)),
    clock: maybe(withMethod('now')),
  })
  const { perIssuer = 10, inAll = 1000, unauthenticated = 100, period = 60, maxIssuers = 10_000 } = options
  const { clock = systemClock } = options
  /** Recorded in this period, by invoker; under the empty name those of the invokers beyond the most. */
  const issuers = new Map<string, number>()
  let recorded = { authenticated: 0, others: 0 }
  let began = clock.now()
  let unreported: SuppressedDenials[] = []

  /** A clock that was set back begins a period as well; else nothing would be recorded until it has caught up. */
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
    giveBack({ authenticated: invoker !== undefined, count: 1, since: Math.floor(clock.now()) })
  }

  function giveBack({ authenticated, count: more, since }: SuppressedDenials): void {
    const same = unreported.find((known) => known.authenticated === authenticated)
    const sum = { authenticated, count: more + (same?.count ?? 0), since: Math.min(since, same?.since ?? since) }
    unreported = [...unreported.filter((known) => known !== same), sum]
  }

  return Object.freeze({
    period,
    admit(invoker: string | undefined) {
      const now = clock.now()
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
    isDue: () => unreported.some(({ since }) => isOver(since, clock.now())),
    take() {
      const taken = unreported
      unreported = []
      return taken
    },
  })
}
