import { createRate, type Rate, type RateOptions } from './rate.ts'

/** Options of {@link createLimiter}. */
export interface LimiterOptions {
  /** Most places. */
  readonly all: number
  /** Most places of one holder. */
  readonly ofOne: number
  /** How fast a holder can take places. Default: as fast as it wants. */
  readonly rate?: RateOptions
}

/**
 * The places of sessions, requests, revocations or waits. A holder is the agent to which an owner has delegated,
 * together with the agents below it, of which it can make any number; undefined for all clients without a proof.
 */
export interface Limiter {
  /**
   * Takes a place.
   *
   * @returns a function that gives the place back, to be called once. If the holder gets no place, the reason: all
   *   places are taken, the holder has its maximum, or it takes places too fast.
   */
  take(holder: string | undefined): (() => void) | 'full' | 'share' | 'rate'
  /** Whether the holder takes places too fast now. It is not remembered. */
  isTooFast(holder: string | undefined): boolean
}

/** Holders whose rates are remembered before those at rest are forgotten. */
const leastHolders = 256

/** Makes the places: each holder has a maximum, and may have a rate. */
export function createLimiter({ all, ofOne, rate }: LimiterOptions): Limiter {
  const taken = new Map<string | undefined, number>()
  const rates = new Map<string | undefined, Rate>()
  let count = 0
  const of = (holder: string | undefined): number => taken.get(holder) ?? 0

  function rateOf(holder: string | undefined): Rate | undefined {
    if (rate === undefined) return undefined
    if (rates.size > leastHolders) for (const [name, one] of rates) if (one.isAtRest()) rates.delete(name)
    const own = rates.get(holder) ?? createRate(rate)
    rates.set(holder, own)
    return own
  }

  return {
    isTooFast: (holder) => (rates.get(holder)?.waitMs() ?? 0) > 0,
    take(holder) {
      if (count >= all) return 'full'
      if (of(holder) >= ofOne) return 'share'
      const own = rateOf(holder)
      if (own !== undefined && own.waitMs() > 0) return 'rate'
      own?.take()
      count++
      taken.set(holder, of(holder) + 1)
      return () => {
        count--
        if (of(holder) > 1) taken.set(holder, of(holder) - 1)
        else taken.delete(holder)
      }
    },
  }
}
