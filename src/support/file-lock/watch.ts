/** The state of a lock, as a waiting process observes it. */
export interface Watch {
  /**
   * Observes a state again; returns whether its holder has renewed it since the last time.
   *
   * @param name - the name of the state; empty if there is no state.
   * @param beat - its sign of life.
   */
  observe(name: string, beat: string): boolean
  /** Milliseconds of observation without a renewal. */
  quietMs(): number
  /** When the present sign of life was first observed. */
  since(): number | undefined
  /** The present sign of life. */
  beat(): string
  /** Starts again. */
  forget(): void
}

interface Observed {
  readonly name: string
  readonly beat: string
  readonly since: number
  quietMs: number
  lookedAt: number
}

/**
 * Creates a watch. It does not use the clock of another machine. A pause of this process counts for one renewal at
 * most: a holder that was suspended with it, for example on a machine that slept, could not renew its lock.
 */
export function createWatch(renewMs: number): Watch {
  let seen: Observed | undefined
  return {
    observe(name, beat) {
      const now = performance.now()
      const before = seen
      if (before !== undefined && before.name === name && before.beat === beat) {
        before.quietMs += Math.min(now - before.lookedAt, renewMs)
        before.lookedAt = now
        return false
      }
      seen = { name, beat, since: now, quietMs: 0, lookedAt: now }
      return before?.name === name
    },
    quietMs: () => seen?.quietMs ?? 0,
    since: () => seen?.since,
    beat: () => seen?.beat ?? '',
    forget() {
      seen = undefined
    },
  }
}
