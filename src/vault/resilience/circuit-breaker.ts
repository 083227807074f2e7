import { CircuitState, circuitBreaker, handleWhen, type IBreaker } from 'cockatiel'
import { VaultError } from '../../errors.ts'
import { CallFailure } from '../release/failure.ts'

/** Options of {@link createBreaker}, in milliseconds. */
export interface BreakerOptions {
  /** Failures within `windowMs` that open it. */
  readonly failures: number
  readonly windowMs: number
  /** Time between two probes while it is open. */
  readonly probeAfterMs: number
  /** A clock that only goes forward. */
  readonly monotonicMs: () => number
}

/** What a breaker is doing: `closed` lets all tasks run, `open` none, `probing` has one running to find out. */
export type BreakerState = 'closed' | 'open' | 'probing'

/** Stops asking a store that does not answer, but for one probe now and then. */
export interface Breaker {
  /** Runs a task, or rejects at once with `ERR_VAULT_UNAVAILABLE`. */
  execute<T>(task: () => Promise<T>): Promise<T>
  readonly state: BreakerState
}

/** Whether an error says that a later try could succeed, and that it was the store which did not answer. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof VaultError && error.code === 'ERR_VAULT_UNAVAILABLE' && !(error instanceof CallFailure)
}

/** Makes a breaker over that of cockatiel, which keeps the states and lets one probe through. */
export function createBreaker(options: BreakerOptions): Breaker {
  const { monotonicMs, probeAfterMs } = options
  let openedAt = 0
  let policy = makePolicy()

  function makePolicy(initialState?: unknown): ReturnType<typeof circuitBreaker> {
    const made = circuitBreaker(handleWhen(isUnavailable), {
      halfOpenAfter: probeAfterMs,
      breaker: failuresWithin(options),
      ...(initialState !== undefined && { initialState }),
    })
    made.onBreak(() => {
      openedAt = monotonicMs()
    })
    return made
  }

  return {
    get state() {
      if (policy.state === CircuitState.Closed) return 'closed'
      return policy.state === CircuitState.HalfOpen ? 'probing' : 'open'
    },
    async execute(task) {
      // VLT-13
      if (policy.state === CircuitState.HalfOpen) throw refused()
      if (policy.state === CircuitState.Open) {
        if (monotonicMs() - openedAt < probeAfterMs) throw refused()
        // The policy measures by the wall clock, which can be set back; opened at the beginning of time, it probes now.
        policy = makePolicy(probeNext())
        try {
          return await policy.execute(task)
        } catch (error) {
          // A probe that ended before it came to the store has found nothing out: the next call is one again.
          if (error instanceof CallFailure) policy = makePolicy(probeNext())
          throw error
        }
      }
      return policy.execute(task)
    },
  }
}

/** Open, and for long enough that the next task is a probe. Made anew each time, as the policy writes into it. */
function probeNext(): object {
  return { ownState: { value: CircuitState.Open, openedAt: 0, attemptNo: 1 }, breakerState: [] }
}

function failuresWithin({ failures, windowMs, monotonicMs }: BreakerOptions): IBreaker {
  let times: readonly number[] = []
  return {
    state: [],
    success: (state) => {
      if (state === CircuitState.HalfOpen) times = []
    },
    failure: () => {
      const now = monotonicMs()
      times = [...times.filter((time) => now - time < windowMs), now]
      return times.length >= failures
    },
  }
}

/** What everybody but the probe is told while the breaker is not closed. */
export function refused(): VaultError {
  return new VaultError(
    'ERR_VAULT_UNAVAILABLE',
    'the vault did not answer several times and is not asked for some seconds',
  )
}
