/** Options of {@link createRate}. */
export interface RateOptions {
  /** How many are possible at once, after a rest. */
  readonly atOnce: number
  /** Milliseconds for each further one. */
  readonly eachMs: number
  /** The time in milliseconds, which never goes back. Default: `performance.now`. */
  readonly now?: () => number
}

/** A rate at which something may happen. */
export interface Rate {
  /** Milliseconds until the next turn. */
  waitMs(): number
  /** Takes the next turn. Returns milliseconds until then. */
  take(): number
  /** Whether everything that is possible at once is possible now. */
  isAtRest(): boolean
}

/** Makes a rate. */
export function createRate({ atOnce, eachMs, now = () => performance.now() }: RateOptions): Rate {
  /** The time of the last turn, if all had been taken at the rate. */
  let last = Number.NEGATIVE_INFINITY
  // Whole milliseconds: the sum of many fractions is rounded, and could be after the present.
  const present = (): number => Math.floor(now())
  const turn = (): number => Math.max(last + eachMs, present() - (atOnce - 1) * eachMs)
  const waitMs = (): number => Math.max(0, turn() - present())
  return {
    waitMs,
    take() {
      last = turn()
      return Math.max(0, last - present())
    },
    isAtRest: () => last <= present() - atOnce * eachMs,
  }
}
