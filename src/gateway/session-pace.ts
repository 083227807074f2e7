/** Sessions that one holder begins at once, milliseconds for each further one, and the longest wait for its turn. */
export const sessionRate: { readonly atOnce: number; readonly eachMs: number; readonly mostWaitMs: number } =
  Object.freeze({ atOnce: 100, eachMs: 1_000, mostWaitMs: 5_000 })

/** Holders that are remembered before those with all their sessions at once are forgotten. */
const leastHolders = 256

/** The pace in which sessions begin. */
export interface SessionPace {
  /** Whether a client without a proof can begin a session at once. */
  hasAnonymous(): boolean
  /**
   * Takes a turn.
   *
   * @param branch - the agent to which an owner has delegated, which shares its pace with the agents below it.
   *   Undefined for a client that has not proved one.
   * @returns milliseconds until the session may begin; undefined when too many wait already.
   */
  take(branch: string | undefined): number | undefined
}

/**
 * Makes the pace. The start of each session is on record, so sessions without end would fill the log. An agent has a
 * pace of its own, so clients without a proof do not hold it up. GTW-72
 *
 * @param now - the time in milliseconds.
 */
export function sessionPace(now: () => number = () => performance.now()): SessionPace {
  const { atOnce, eachMs, mostWaitMs } = sessionRate
  // Whole milliseconds: the sum of many fractions is rounded, and could be after the present.
  const wholeNow = (): number => Math.floor(now())
  /** The time of the last session of each holder, if all had begun in the pace. */
  const last = new Map<string | undefined, number>()
  const restOf = (present: number): number => present - (atOnce - 1) * eachMs
  function turnOf(branch: string | undefined, present: number): number {
    const time = last.get(branch) ?? Number.NEGATIVE_INFINITY
    // It would be that far in the future only if the clock went back. Nobody waits until the clock is there again.
    if (time > present + mostWaitMs) last.set(branch, present + mostWaitMs)
    return Math.max(Math.min(time, present + mostWaitMs) + eachMs, restOf(present))
  }

  let mostHolders = leastHolders
  function forget(present: number): void {
    for (const [branch, time] of last) if (time + eachMs <= restOf(present)) last.delete(branch)
    mostHolders = Math.max(leastHolders, 2 * last.size)
  }

  return {
    hasAnonymous() {
      const present = wholeNow()
      return turnOf(undefined, present) <= present
    },
    take(branch) {
      const present = wholeNow()
      if (last.size >= mostHolders) forget(present)
      const turn = turnOf(branch, present)
      if (turn - present > mostWaitMs) return undefined
      last.set(branch, turn)
      return Math.max(0, turn - present)
    },
  }
}
