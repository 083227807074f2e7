import { getEventListeners, setMaxListeners } from 'node:events'
import { expect } from 'vitest'
import { memoryReplayStore } from '../../../src/core/authorization/replay-store.ts'
import { integer } from '../../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../../src/core/capability/definition.ts'
import { encodeContainer } from '../../../src/core/container/container.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { createGuard, type Guard } from '../../../src/guard/guard.ts'
import type { GuardOptions } from '../../../src/guard/options.ts'
import { never } from '../../../src/time.ts'
import { createVault } from '../../../src/vault/create-vault.ts'
import { bearer } from '../../../src/vault/processors/bearer.ts'
import { clientCredentials } from '../../../src/vault/processors/client-credentials.ts'
import { resilient } from '../../../src/vault/resilience/resilient.ts'
import { Secret } from '../../../src/vault/secret.ts'
import type { SecretSource } from '../../../src/vault/source.ts'
import type { Vault } from '../../../src/vault/vault.ts'
import { actor, now } from '../../support/actors.ts'
import { call, chainOf, service } from '../../support/service.ts'
import { answer, mannerOf } from './faults.ts'
import { chaoticHandler, consume } from './handlers.ts'
import { chaoticSink, createLedger, type Ledger } from './ledger.ts'
import { createRandom, type Random } from './random.ts'
import { chaoticFetch, origin, tokenEndpoint } from './upstream.ts'
import { inVirtualTime, wait } from './virtual-time.ts'

const alice = await actor('alice')
const bob = await actor('bob')
const proofs = await chainOf(alice, bob)

/** Commands, each with its credential. */
const commands = [
  { path: '/mail/send', credential: 'static' },
  { path: '/mail/draft', credential: 'dynamic' },
  { path: '/mail/sync', credential: 'derived' },
  { path: '/mail/read', credential: undefined },
].map(({ path, credential }) => ({
  ...defineCommand({ command: path, args: { number: integer() } }),
  show: ['number'],
  ...(credential === undefined ? {} : { credential }),
}))

/** How the calls of some worlds ended. */
export interface ChaosReport {
  readonly calls: number
  /** The number of calls by ending: `done`, the code of a denial, or the name of an error. */
  readonly endings: ReadonlyMap<string, number>
  /** Requests that carried a credential. */
  readonly requests: number
}

/**
 * Makes calls in worlds in which each part fails now and then, and checks each world at its end.
 *
 * @param atOnce - the number of simultaneous worlds.
 */
export async function runChaos(calls: number, seed: number, atOnce: number): Promise<ChaosReport> {
  const perWorld = 40
  const endings = new Map<string, number>()
  let requests = 0
  let next = 0
  async function work(): Promise<void> {
    while (next * perWorld < calls) {
      const own = (seed + next++) >>> 0
      const world = await runWorld(own, perWorld)
      requests += world.requests
      for (const ending of world.endings) endings.set(ending, (endings.get(ending) ?? 0) + 1)
    }
  }
  await inVirtualTime(calls * 1_000, () => Promise.all(Array.from({ length: atOnce }, work)))
  return { calls, endings, requests }
}

/** A secret that a source has made, and how often it was revoked. */
interface Made {
  readonly secret: Secret
  readonly dynamic: boolean
  ended: number
}

function chaoticSource(random: Random, faultPercent: number, made: Made[]): SecretSource {
  const perCall = (reference: string): boolean => reference === 'dynamic'
  return {
    name: 'chaos',
    perCall,
    read: async (reference, { signal }) =>
      answer(
        mannerOf(random, faultPercent),
        random,
        () => {
          const secret = new Secret(`secret-of-chaos-${made.length}`)
          const one = { secret, dynamic: perCall(reference), ended: 0 }
          made.push(one)
          const about = {
            version: '1',
            kind: one.dynamic ? 'dynamic' : 'static',
            downscoped: false,
            readAt: now,
          } as const
          const revoke = ({ signal: late }: { readonly signal?: AbortSignal | undefined }): Promise<void> => {
            one.ended += 1
            return answer(mannerOf(random, faultPercent), random, () => undefined, late)
          }
          return { reference, secret, ...about, ...(one.dynamic && { revoke }) }
        },
        signal,
      ),
  }
}

/** A vault that ignores its signal for a while. */
function rude(inner: Vault, random: Random): Vault {
  return {
    use: async (...given) => {
      await wait(random.below(40))
      return inner.use(...given)
    },
    lease: async (...given) => {
      await wait(random.below(40))
      const lease = await inner.lease(...given)
      await wait(random.below(40))
      return lease
    },
  }
}

function listenerOf(random: Random): () => undefined {
  const fault = new Error('the listener failed')
  return random.pick([
    () => undefined,
    () => {
      throw fault
    },
    () => Promise.reject(fault) as never,
  ])
}

/** Creates the guard of a world; the frequency of faults is random too. */
function guardOf(random: Random, ledger: Ledger, made: Made[]) {
  const faultPercent = random.pick([0, 2, 10])
  const revoked = memoryRevocationStore({ clock: { now: () => now } })
  let time = now
  const clock = { now: () => time }
  const replay = memoryReplayStore({ clock })
  const ask = <T>(give: () => T, signal?: AbortSignal): Promise<T> =>
    answer(mannerOf(random, faultPercent), random, give, signal)
  const source = chaoticSource(random, faultPercent, made)
  const rules = { origins: [origin], leasable: true }
  const vault = createVault({
    source: random.percent(50) ? source : resilient(source, { clock, attemptTimeoutMs: 30, retryAfterMs: 1 }),
    credentials: {
      static: { ...rules, processor: bearer() },
      dynamic: { ...rules, processor: bearer() },
      derived: { ...rules, processor: clientCredentials({ tokenEndpoint, clientId: 'chaos' }) },
    },
    clock,
    fetch: chaoticFetch(ledger, random.fork()),
    readTimeoutMs: 30 + random.below(50),
    upstreamTimeoutMs: 30 + random.below(50),
    bodyTimeoutMs: 10 + random.below(50),
    redirects: 3,
    onRevokeFailure: listenerOf(random),
  })
  const listener = listenerOf(random)
  const guard: Guard = createGuard({
    audience: service.did,
    subjects: [alice.did],
    commands: commands as GuardOptions['commands'],
    revocations: {
      findRevocations: async (ids, { signal }) => ask(() => revoked.findRevocations(ids, {}), signal),
    },
    replay: { claim: async (key, expiration, options) => ask(() => replay.claim(key, expiration, options)) },
    vault: random.percent(10) ? rude(vault, random.fork()) : vault,
    audit: { sink: chaoticSink(ledger, random.fork(), faultPercent), deadlineMs: 60 + random.below(60) },
    ...(random.percent(30) && { receipts: service }),
    clock,
    clockTolerance: 0,
    deadlines: {
      decisionMs: 100 + random.below(100),
      handlerMs: 30 + random.below(120),
      receiptMs: 60,
      closeMs: 1 + random.below(60),
    },
    maxInFlight: random.percent(10) ? 5 : 1_000,
    onEvent: listener,
    onError: listener,
    tracer: { startSpan: random.percent(50) ? listener : () => ({ setAttribute: listener, end: listener }) } as never,
  })
  return {
    guard,
    revoke: () => revoked.add({ ids: [bob.did], expiration: never }),
    expire: () => {
      // This is past the expiration of the calls, but not past the time for their records.
      time += 5
    },
  }
}

async function runWorld(
  seed: number,
  calls: number,
): Promise<{ readonly endings: readonly string[]; readonly requests: number }> {
  const random = createRandom(seed)
  const ledger = createLedger()
  const made: Made[] = []
  const { guard, revoke, expire } = guardOf(random, ledger, made)
  const shared = new AbortController()
  setMaxListeners(0, shared.signal)
  const signals: AbortSignal[] = [shared.signal]

  async function one(number: number, own: Random): Promise<string> {
    const command = own.pick(commands).command
    const invocation = await call({ issuer: bob, proofs, command, args: { number }, expiration: now + 2 })
    const container = own.percent(5) ? 'nonsense' : encodeContainer([invocation, ...proofs])
    await wait(own.below(150))
    const agent = new AbortController()
    const signal = own.percent(30) ? shared.signal : agent.signal
    signals.push(agent.signal)
    const leaving = own.percent(25)
      ? setTimeout(() => agent.abort(new Error('the agent left')), own.below(80))
      : undefined
    try {
      const verb = own.percent(5) ? 'dryRun' : 'use'
      if (verb === 'dryRun') return (await guard.dryRun(container, { signal })).allowed ? 'tried' : 'not tried'
      const result = await guard.use(container, chaoticHandler(own), { signal })
      if (!result.allowed) return result.denial.code
      await consume(result.value, own)
      return result.recorded ? 'done' : 'done, not recorded'
    } catch (error) {
      return (error as { readonly code?: string }).code ?? (error as Error).name
    } finally {
      clearTimeout(leaving)
    }
  }

  const numbers = Array.from({ length: calls }, (_, index) => index)
  const working = Promise.all(numbers.map((number) => one(number, random.fork())))
  const [midway, revoking, expiring] = [random.percent(30), random.percent(10), random.percent(10)]
  if (revoking) setTimeout(revoke, random.below(150))
  if (expiring) setTimeout(expire, random.below(150))
  if (midway) await wait(random.below(200))
  else await unlessHanging('a call', seed, working)
  const closing = guard.close().catch(() => undefined)
  await unlessHanging('close', seed, closing)
  ledger.closedAt = ledger.tick()
  const endings = await unlessHanging('a call', seed, working)
  await look(seed, ledger, made, signals)
  return { endings, requests: ledger.requests.length }
}

/** Waits for a promise longer than all time limits together. */
function unlessHanging<T>(what: string, seed: number, work: Promise<T>): Promise<T> {
  const hang = async (): Promise<never> => {
    await wait(20_000)
    throw new Error(`${what} hangs in the world of seed ${seed}`)
  }
  return Promise.race([work, hang()])
}

/** Checks that apply to every world. */
async function look(
  seed: number,
  ledger: Ledger,
  made: readonly Made[],
  signals: readonly AbortSignal[],
): Promise<void> {
  const ended = new Map<number, number>()
  const faults: string[] = []
  for (const [intent, { call: number, sure }] of ledger.intents) {
    const outcomes = ledger.outcomes.get(intent) ?? []
    if (outcomes.length !== 1 && (sure || outcomes.length > 1))
      faults.push(`call ${number} has ${outcomes.length} outcomes`)
    if (outcomes.some(({ closed }) => closed)) faults.push(`call ${number} has its outcome when the sink is closed`)
    ended.set(number, outcomes[0]?.at ?? Number.POSITIVE_INFINITY)
  }
  for (const intent of ledger.outcomes.keys()) {
    if (!ledger.intents.has(intent)) faults.push('an outcome is of no intent')
  }
  for (const { call: number, at, hop } of ledger.requests) {
    const outcome = ended.get(number)
    if (outcome === undefined) faults.push(`call ${number} was sent without an intent`)
    else if (at > outcome) faults.push(`hop ${hop} of call ${number} was sent after its outcome`)
    if (at > ledger.closedAt) faults.push(`hop ${hop} of call ${number} was sent when the guard had closed`)
  }
  const first = ledger.requests.filter(({ hop }) => hop === 0).map((request) => request.call)
  if (new Set(first).size !== first.length) faults.push('a call was sent twice')
  expect(faults, `world of seed ${seed}`).toEqual([])
  // Unread bodies end at their time limit, and late secrets are given back.
  const left = (): readonly unknown[] => [
    made.filter(({ dynamic, ended: times }) => dynamic && times === 0).length,
    made.filter(({ secret, dynamic }) => dynamic && !secret.disposed).length,
    signals.filter((signal) => getEventListeners(signal, 'abort').length > 0).length,
  ]
  for (let patience = 0; patience < 400 && left().some((count) => count !== 0); patience += 1) await wait(5)
  expect(left(), `secrets not ended, secrets left, signals listened to: world of seed ${seed}`).toEqual([0, 0, 0])
}
