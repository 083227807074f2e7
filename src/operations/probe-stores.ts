import type { CallStore } from '../core/authorization/call-store.ts'
import type { LimitStore } from '../core/authorization/limits/limit-store.ts'
import type { ReplayStore } from '../core/authorization/replay-store.ts'
import { encodeBase64url } from '../core/ipld/base.ts'
import type { RevocationStore } from '../core/revocation/revocation-store.ts'
import { StoreError } from '../errors.ts'
import { withinDeadline } from '../support/deadline.ts'
import { maybe, milliseconds, type OptionChecks, readOptions, withDefault, withMethod } from '../support/options.ts'
import { type Clock, secondsOf, systemClock } from '../time.ts'

/** Options of {@link probeStores}: the stores of a guard. */
export interface ProbeStoresOptions {
  /** The store of used calls. Default: it is not probed. */
  readonly replay?: ReplayStore
  /** The store of revocations. Default: it is not probed. */
  readonly revocations?: RevocationStore
  /** The store of limits. Default: it is not probed. */
  readonly limitStore?: LimitStore
  /** Not asked: it asks the other three. Permitted, so that the stores of a database can be given as they are. */
  readonly callStore?: CallStore
  /** Milliseconds for each store. Default 1,000. */
  readonly timeoutMs?: number
  /** Default: the host's clock. */
  readonly clock?: Clock
}

/** The state of a store. */
export interface StoreHealth {
  /** Whether it answered a request correctly. */
  readonly healthy: boolean
  readonly durationMs: number
  /** The code of its error. Its message is left out, because it can contain an address or a secret. */
  readonly failure?: string
}

/** The state of a revocation store. */
export interface RevocationStoreHealth extends StoreHealth {
  /** The age of a copy, in seconds. Absent for a store that answers from its data of the present moment. */
  readonly ageSeconds?: number
  /** Whether a copy is older than its operator considers current. */
  readonly stale?: boolean
}

/** The state of all given stores. */
export interface StoresHealth {
  /** Whether every store is healthy, and no copy of revocations is stale. */
  readonly healthy: boolean
  readonly replay?: StoreHealth
  readonly revocations?: RevocationStoreHealth
  readonly limitStore?: StoreHealth
}

const optionChecks = Object.freeze({
  replay: maybe(withMethod('claim')),
  revocations: maybe(withMethod('findRevocations')),
  limitStore: maybe(withMethod('reserve')),
  callStore: maybe(withMethod('ask')),
  timeoutMs: withDefault(milliseconds, 1_000),
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<ProbeStoresOptions>

/** Not a principal: the domain `invalid` has no names (RFC 6761). */
const nobody = 'did:web:probe.invalid'

/** Seconds for which the call of a probe is remembered. */
const probeSeconds = 10

/**
 * Asks each store a question, for a readiness endpoint. The replay store claims a random call, which it forgets like
 * any other; the others change nothing. It never rejects because of a store. OPS-10
 *
 * Do not let strangers cause probes: each one adds an entry to the replay store.
 *
 * @throws ArgumentError when an option is invalid.
 * @example
 * ```ts
 * import { probeStores } from 'procura/operations'
 * import { memoryStores } from 'procura/store/memory'
 *
 * const stores = memoryStores()
 * const { healthy } = await probeStores(stores)
 * console.log(healthy ? 'ready' : 'not ready')
 * ```
 */
export async function probeStores(options: ProbeStoresOptions): Promise<StoresHealth> {
  const given = readOptions('probeStores', options, optionChecks)
  const { replay, revocations, limitStore, timeoutMs, clock } = given
  const probe = (ask: (signal: AbortSignal) => Promise<boolean>): Promise<StoreHealth> => timed(timeoutMs, ask)
  const [claimed, found, remaining] = await Promise.all([
    replay && probe((signal) => claimOne(replay, clock, signal)),
    revocations && probe(async (signal) => Array.isArray(await revocations.findRevocations([nobody], { signal }))),
    limitStore && probe((signal) => lookAtOne(limitStore, clock, signal)),
  ])
  const known = revocations && found && { ...found, ...knowledgeOf(revocations) }
  const states = [claimed, known, remaining].filter((state) => state !== undefined)
  return Object.freeze({
    healthy: states.every(({ healthy }) => healthy) && known?.stale !== true,
    ...(claimed && { replay: claimed }),
    ...(known && { revocations: known }),
    ...(remaining && { limitStore: remaining }),
  })
}

async function timed(timeoutMs: number, ask: (signal: AbortSignal) => Promise<boolean>): Promise<StoreHealth> {
  const start = performance.now()
  const state = (healthy: boolean, failure?: string): StoreHealth =>
    Object.freeze({ healthy, durationMs: performance.now() - start, ...(failure !== undefined && { failure }) })
  try {
    return (await withinDeadline(timeoutMs, {}, ask)) ? state(true) : state(false, 'ERR_STORE_ANSWER')
  } catch (error) {
    return state(false, codeOf(error))
  }
}

function randomName(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(32)))
}

async function claimOne(store: ReplayStore, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const now = secondsOf(clock)
  return (await store.claim(randomName(), now + probeSeconds, { signal, acceptedFrom: now })) === true
}

async function lookAtOne(store: LimitStore, clock: Clock, signal: AbortSignal): Promise<boolean> {
  const expiration = secondsOf(clock) + probeSeconds
  const entry = { key: randomName(), kind: 'total', maximum: 1, amount: 1, expiration } as const
  const [state] = await store.remaining([entry], { signal })
  return state?.remaining === 1
}

function knowledgeOf(store: RevocationStore): Pick<RevocationStoreHealth, 'ageSeconds' | 'stale'> {
  try {
    const known = store.knowledge?.()
    if (known !== undefined) return { ageSeconds: known.ageSeconds, stale: known.stale }
    return store.knowledge === undefined ? {} : { stale: true }
  } catch {
    return { stale: true }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof StoreError) return error.code
  if (error instanceof DOMException) return error.name
  return 'ERR_STORE'
}
