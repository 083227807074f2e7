import { sleep } from '../../support/back-off.ts'

/** Requests at once, and milliseconds for each further one. GTW-70 */
const pace = Object.freeze({ atOnce: 100, eachMs: 100 })

const never = new AbortController().signal

/** The parts that a test replaces. */
export interface PaceParts {
  readonly now: () => number
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

/**
 * Makes the pace of one session: a function that resolves when the next request may be sent. The gateway signs and
 * records these requests itself, and a client can make pings, as a server can ask for answers, without end.
 */
export function createPace(
  { now, sleep: wait }: PaceParts = { now: () => performance.now(), sleep },
): (signal: AbortSignal | undefined) => Promise<void> {
  /** The time of the last request, if all had come in the pace. */
  let last = Number.NEGATIVE_INFINITY
  return async (signal = never) => {
    const present = now()
    last = Math.max(last + pace.eachMs, present - (pace.atOnce - 1) * pace.eachMs)
    if (last > present) await wait(last - present, signal)
  }
}
