import type { Denial } from '../core/authorization/denial.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import { StoreError } from '../errors.ts'
import { waitAfter } from '../support/back-off.ts'
import { startBackgroundTimer } from '../support/background-timer.ts'
import { withinDeadline } from '../support/deadline.ts'
import { longestMs } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { type Clock, never, type Timestamp } from '../time.ts'
import type { AgentCapability, Reception } from './agent.ts'
import { expirationOf, type HeldChain } from './chains.ts'
import { isWithin } from './command-path.ts'

/**
 * Fetches the successor of a chain that is about to expire.
 *
 * - Resolves with a container, as for `receive`; with undefined when there is no successor.
 * - Rejects when it could not be fetched. It is tried again later.
 */
export type Renew = (
  chain: readonly Delegation[],
  options: { readonly signal: AbortSignal },
) => Promise<string | Uint8Array | undefined>

/** The renewal of the chains of an agent. */
export interface Renewal {
  /** Renews the chains that expire soon; resolves when it is done, whether or not it succeeded. */
  renewDue(): Promise<void>
  /** Ends it. */
  close(): void
}

/** Options of {@link startRenewal}. */
export interface RenewalOptions {
  readonly renew: Renew
  /** Seconds before its expiry at which a chain is renewed. */
  readonly before: number
  readonly timeoutMs: number
  readonly clock: Clock
  /** The chains that the agent can use, and those that expired and have no successor. */
  readonly chains: () => readonly HeldChain[]
  readonly receive: (
    container: string | Uint8Array,
    refuse: (capabilities: readonly AgentCapability[]) => Denial | undefined,
    signal: AbortSignal,
  ) => Promise<Reception>
  readonly onError: (error: unknown) => void
}

/** The waits between attempts for one chain. */
const backOff = { firstMs: 1_000, maxMs: 60_000 }

/** Most chains that are renewed at the same time: those that end first. The next ones follow after a second. */
const mostAtOnce = 256

interface Attempt {
  readonly failures: number
  /** The time of `performance.now` before which no new attempt is made; infinity after a success. */
  readonly notBeforeMs: number
}

/**
 * Renews chains before they expire: in the background, and when the agent needs one. AGT-09: at most one attempt is
 * under way for a chain, and a failure leaves the old chain in use until it expires.
 */
export function startRenewal(options: RenewalOptions): Renewal {
  const { renew, before, timeoutMs, clock, chains, onError } = options
  const attempts = new Map<string, Attempt>()
  const running = new Map<string, Promise<void>>()
  const ended = new AbortController()
  const limits = { signals: [ended.signal], reason: () => timedOut(timeoutMs) }
  let timer: ReturnType<typeof setTimeout> | undefined

  function due(): readonly HeldChain[] {
    const limit = clock.now() + before
    const now = performance.now()
    const known = new Set(chains().map(nameOf))
    for (const name of attempts.keys()) if (!known.has(name)) attempts.delete(name)
    const isDue = (chain: HeldChain): boolean =>
      endOf(chain) <= limit && (attempts.get(nameOf(chain))?.notBeforeMs ?? 0) <= now
    return chains()
      .filter(isDue)
      .sort((one, other) => endOf(one) - endOf(other))
  }

  async function attempt(chain: HeldChain, name: string): Promise<void> {
    try {
      await withinDeadline(timeoutMs, limits, async (signal) => {
        const container = await renew(chain.proofs, { signal })
        signal.throwIfAborted()
        const reception =
          container === undefined
            ? undefined
            : await options.receive(container, (given) => notLater(given, chain), signal)
        if (reception?.accepted === false)
          throw new StoreError(`\`renew\` returned a delegation that is refused: ${reception.denial.message}`)
        const isDone = reception !== undefined
        const notBeforeMs = isDone ? Number.POSITIVE_INFINITY : performance.now() + backOff.maxMs
        attempts.set(name, { failures: 0, notBeforeMs })
      })
    } catch (error) {
      if (ended.signal.aborted) return
      const failures = (attempts.get(name)?.failures ?? 0) + 1
      attempts.set(name, { failures, notBeforeMs: performance.now() + waitAfter(failures, backOff) })
      quietly(() => onError(error))
    }
  }

  function begin(chain: HeldChain): Promise<void> {
    const name = nameOf(chain)
    const work = running.get(name) ?? attempt(chain, name).finally(() => running.delete(name))
    running.set(name, work)
    return work
  }

  async function renewDue(): Promise<void> {
    await Promise.all(ended.signal.aborted ? [] : due().slice(0, mostAtOnce).map(begin))
    schedule()
  }

  /** Wakes up when the next chain is due, or a failed attempt may be repeated. */
  function schedule(): void {
    clearTimeout(timer)
    if (ended.signal.aborted) return
    const [seconds, now] = [clock.now(), performance.now()]
    const waits = chains().flatMap((chain) => {
      const expiration = expirationOf(chain.proofs)
      const pause = (attempts.get(nameOf(chain))?.notBeforeMs ?? 0) - now
      return expiration === never || pause === Number.POSITIVE_INFINITY
        ? []
        : [Math.max((expiration - before - seconds) * 1_000, pause, 1_000)]
    })
    if (waits.length === 0) return
    timer = startBackgroundTimer(() => void renewDue(), Math.min(...waits, longestMs))
  }

  schedule()
  return {
    renewDue,
    close() {
      clearTimeout(timer)
      ended.abort(new DOMException('the agent is closed', 'AbortError'))
    },
  }
}

/** The last second of a chain; infinity for one that never expires. */
function endOf({ proofs }: HeldChain): number {
  const expiration = expirationOf(proofs)
  return expiration === never ? Number.POSITIVE_INFINITY : expiration
}

function timedOut(milliseconds: number): DOMException {
  return new DOMException(
    `\`renew\` did not end within ${milliseconds} ms; raise \`renewTimeoutMs\` if it needs longer`,
    'TimeoutError',
  )
}

/**
 * Refuses delegations that do not replace the chain: another subject, a command that does not cover it, or no later
 * end.
 */
function notLater(capabilities: readonly AgentCapability[], { subject, proofs }: HeldChain): Denial | undefined {
  const command = proofs.at(-1)?.command
  const isSuccessor = (one: AgentCapability): boolean =>
    one.subject === subject && command !== undefined && isWithin(command, one.command)
  const isLater = capabilities.some((one) => isSuccessor(one) && isAfter(one.expiration, expirationOf(proofs)))
  if (isLater && capabilities.every(isSuccessor)) return undefined
  return {
    code: 'subject_not_accepted',
    message: 'it does not replace the old delegation: the same subject and command, and a later expiry, are required',
    requirement: 'AGT-09',
  }
}

function isAfter(one: Timestamp | typeof never, other: Timestamp | typeof never): boolean {
  if (one === never || other === never) return one === never
  return one > other
}

function nameOf({ subject, proofs }: HeldChain): string {
  return `${subject} ${proofs.at(-1)?.cid}`
}
