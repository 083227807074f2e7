/** The state of a circuit breaker: `closed` runs all tasks, `open` runs none, `probing` runs one as a test. */
export type BreakerState = 'closed' | 'open' | 'probing'

/**
 * The meaning of the error of a task: the service failed, the service answered, or the task did not reach the service.
 */
export type FailureKind = 'failed' | 'answered' | 'not-asked'

/** Options of {@link createCircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Failures within `windowMs` that open it. */
  readonly failures: number
  /** The window, in milliseconds. */
  readonly windowMs: number
  /** Milliseconds after which one task runs as a probe while it is open. */
  readonly probeAfterMs: number
  /** Milliseconds of a clock that only goes forward. */
  readonly monotonicMs: () => number
  /** Classifies the error of a task. */
  readonly kindOf: (error: unknown) => FailureKind
  /** Makes the error of a task that is refused. */
  readonly refusal: () => unknown
}

/** Stops calling a service that fails, except for one probe now and then. */
export interface CircuitBreaker {
  /** Runs a task, or rejects at once when the breaker is open or another task is probing. */
  run<T>(task: () => Promise<T>): Promise<T>
  /** Whether `run` would reject at once now. */
  readonly refuses: boolean
  readonly state: BreakerState
}

type State =
  | { readonly name: 'closed'; failedAt: readonly number[] }
  | { readonly name: 'open'; readonly probeAt: number }
  | { readonly name: 'probing' }

/**
 * Makes a circuit breaker that is closed. It opens after `failures` failures within `windowMs`. After `probeAfterMs`
 * the next task runs as a probe: a failure opens the breaker again, a result or an answer closes it, and a probe that
 * did not reach the service leaves its turn to the next task. A task that began before the state changed does not
 * change it.
 */
export function createCircuitBreaker(options: CircuitBreakerOptions): CircuitBreaker {
  const { failures, windowMs, probeAfterMs, monotonicMs, kindOf, refusal } = options
  const closed = (): State => ({ name: 'closed', failedAt: [] })
  const openUntil = (probeAt: number): State => ({ name: 'open', probeAt })
  let state = closed()
  const refuses = (): boolean => state.name === 'probing' || (state.name === 'open' && monotonicMs() < state.probeAt)

  async function probe<T>(task: () => Promise<T>): Promise<T> {
    state = { name: 'probing' }
    try {
      const result = await task()
      state = closed()
      return result
    } catch (error) {
      const kind = kindOf(error)
      if (kind === 'answered') state = closed()
      else state = openUntil(kind === 'failed' ? monotonicMs() + probeAfterMs : Number.NEGATIVE_INFINITY)
      throw error
    }
  }

  return {
    get state() {
      return state.name
    },
    get refuses() {
      return refuses()
    },
    async run(task) {
      if (refuses()) throw refusal()
      const begun = state
      if (begun.name !== 'closed') return probe(task)
      try {
        return await task()
      } catch (error) {
        if (state === begun && kindOf(error) === 'failed') {
          const now = monotonicMs()
          begun.failedAt = [...begun.failedAt.filter((at) => now - at < windowMs), now]
          if (begun.failedAt.length >= failures) state = openUntil(now + probeAfterMs)
        }
        throw error
      }
    },
  }
}
