/**
 * Histories of services that share stores, and differ in their clocks and clock tolerances.
 *
 * @module
 */

import { expect } from 'vitest'
import { createAuthorizer } from '../../src/core/authorization/authorize.ts'
import type { LimitRequest } from '../../src/core/authorization/limits/limit-store.ts'
import type { AuthorizeOptions } from '../../src/core/authorization/options.ts'
import { text } from '../../src/core/capability/argument-types/basic.ts'
import { defineCommand } from '../../src/core/capability/definition.ts'
import { maxSum, maxUses } from '../../src/core/capability/policy/build.ts'
import { encodeContainerBytes } from '../../src/core/container/container.ts'
import { attenuate } from '../../src/core/delegation/attenuate.ts'
import { delegate } from '../../src/core/delegation/delegate.ts'
import type { Delegation } from '../../src/core/delegation/delegation.ts'
import { invoke } from '../../src/core/invocation/invoke.ts'
import type { Signer } from '../../src/core/principal/signer.ts'
import type { Clock } from '../../src/time.ts'
import { actor } from '../support/actors.ts'

/** Stores as a service opens them, with its clock. */
export type Stores = Required<Pick<AuthorizeOptions, 'replay' | 'revocations' | 'limitStore'>> &
  Pick<AuthorizeOptions, 'callStore'>

/** A service with a clock and a tolerance of its own. */
export interface ClockService {
  readonly tolerance: number
  /** Sets its clock. */
  at(time: number): Promise<void>
  /** Returns whether it allows a call. */
  send(call: Uint8Array): Promise<boolean>
  /** Reserves, as a guard does before it records an intent. Returns whether that was possible. */
  reserve(request: LimitRequest): Promise<boolean>
  commit(reservation: string): Promise<boolean>
  prune(): Promise<void>
}

const [ownerOne, ownerTwo, agentOne, agentTwo, audience] = (await Promise.all(
  ['clock owner 1', 'clock owner 2', 'clock agent 1', 'clock agent 2', 'clock service'].map((name) => actor(name)),
)) as [Signer, Signer, Signer, Signer, Signer]
const pay = defineCommand({ command: '/pay', args: { amount: text() } })

/** Makes a service of this process. */
export async function clockService(
  open: (clock: Clock) => Stores | Promise<Stores>,
  tolerance: number,
): Promise<ClockService> {
  let now = 0
  const clock = { now: () => now }
  const stores = await open(clock)
  const authorizer = createAuthorizer({
    audience: audience.did,
    subjects: [ownerOne.did, ownerTwo.did],
    commands: [pay],
    clock,
    clockTolerance: tolerance,
    ...stores,
  })
  const isYes = async (ask: () => unknown): Promise<boolean> => {
    try {
      return (await ask()) === true
    } catch {
      // A store that cannot know rejects.
      return false
    }
  }
  return {
    tolerance,
    async at(time) {
      now = time
    },
    send: async (call) => (await authorizer.authorize(call)).allowed,
    reserve: (request) => isYes(async () => (await stores.limitStore.reserve(request, {})).reserved),
    commit: (reservation) => isYes(() => stores.limitStore.commit(reservation, {})),
    async prune() {
      for (const store of [stores.replay, stores.limitStore]) {
        const { prune } = store as { prune?(): Promise<void> }
        await prune?.()
      }
    },
  }
}

/** How often calls and reservations were allowed. */
export interface Counts {
  calls: number
  copies: number
  commits: number
  refused: number
}

/** Seconds between two histories: the stores may forget one before the next one. */
const historySeconds = 50_000
const steps = 40
/** Around the tolerances and the lifetimes; every clock is right again before the next history. */
const jumps = [1, 59, 61, 240, 299, 300, 301, 359, 361, 599, 601, 661, 3_600, 10_000] as const

/** A call, and the limits that it uses. */
interface Call {
  readonly bytes: Uint8Array
  readonly uses: readonly string[]
  allowed: number
}

/**
 * Plays a history of two owners, two agents and services whose clocks jump. Expects that no call is allowed twice, and
 * that no limit is exceeded.
 *
 * @param start - the time at which it begins; the clocks are right.
 */
async function playClockHistory(
  services: readonly ClockService[],
  seed: number,
  start: number,
  counts: Counts,
): Promise<void> {
  const random = numbersFrom(seed)
  const pick = <T>(all: readonly T[]): T => all[random(all.length)] as T
  let world = start
  const offsets = services.map(() => 0)
  const used = new Map<string, number>()
  const calls: Call[] = []
  const open: { readonly name: string; readonly key: string; readonly at: number }[] = []
  const chains = await makeChains(start, random)

  const use = (key: string, amount: number, maximum: number): void => {
    used.set(key, (used.get(key) ?? 0) + amount)
    expect(used.get(key), `history ${seed}, ${key}`).toBeLessThanOrEqual(maximum)
  }
  const setClock = async (at: number): Promise<ClockService> => {
    const service = services[at] as ClockService
    await service.at(world + (offsets[at] as number))
    return service
  }
  const send = async (call: Call, at: number): Promise<void> => {
    if (!(await (await setClock(at)).send(call.bytes))) {
      counts.refused += 1
      return
    }
    call.allowed += 1
    counts.calls += 1
    expect(call.allowed, `history ${seed}, call ${calls.indexOf(call)}`).toBe(1)
    for (const key of call.uses) use(key, key === 'sum' ? 2 : 1, maxima[key] as number)
  }
  const someServices = (): readonly number[] => services.map((_, at) => at).filter(() => random(2) === 0)

  for (let step = 0; step < steps; step++) {
    const at = random(services.length)
    const choice = random(16)
    if (choice < 2) world += random(150)
    else if (choice < 4) {
      offsets[at] = pick(jumps) * (random(3) === 0 ? -1 : 1)
      if (random(2) === 0) await (await setClock(at)).prune()
      if (random(2) === 0) offsets[at] = 0
    } else if (choice === 4) offsets.fill(0)
    else if (choice === 5) await (await setClock(at)).prune()
    else if (choice < 9) {
      const call = await makeCall(pick(chains), world, random)
      calls.push(call)
      await Promise.all([at, ...someServices()].filter(isFirst).map((one) => send(call, one)))
    } else if (choice < 13 && calls.length > 0) {
      const call = pick(calls)
      counts.copies += 1
      await Promise.all([at, ...someServices()].filter(isFirst).map((one) => send(call, one)))
    } else if (choice < 15) {
      const service = await setClock(at)
      const key = `${seed} held ${random(2)}`
      const name = `${seed} ${step}`
      const expiration = start + 400 + service.tolerance
      const entries = [{ key, kind: 'total', maximum: 2, amount: 1, expiration }] as const
      const deadline = world + (offsets[at] as number) + 60
      if (await service.reserve({ reservation: name, entries, deadline, commit: false })) open.push({ name, key, at })
    } else if (open.length > 0) {
      const one = pick(open)
      open.splice(open.indexOf(one), 1)
      if (await (await setClock(one.at)).commit(one.name)) {
        counts.commits += 1
        use(one.key, 1, 2)
      }
    }
  }
  // With right clocks, everything is sent again, and after everything has ended once more.
  offsets.fill(0)
  for (const later of [0, 700]) {
    world += later
    for (const call of calls) await send(call, random(services.length))
  }
}

function isFirst(one: number, at: number, all: readonly number[]): boolean {
  return all.indexOf(one) === at
}

/** The maxima of the limits of a history. The sum is in units of a half. */
const maxima: Readonly<Record<string, number>> = { root: 4, share: 2, sum: 5 }

interface CallChain {
  readonly issuer: Signer
  readonly subject: Signer
  readonly proofs: readonly Delegation[]
  readonly uses: readonly string[]
}

/** An owner with a budget that is passed on in part, and one with a sum. */
async function makeChains(start: number, random: (bound: number) => number): Promise<readonly CallChain[]> {
  const clock = { now: () => start }
  const ends = (): number => start + 60 + random(700)
  const root = await delegate({
    issuer: ownerOne,
    audience: agentOne.did,
    command: pay,
    policy: [maxUses(maxima['root'] as number)],
    expiration: ends(),
    clock,
  })
  const share = await attenuate(root, {
    issuer: agentOne,
    audience: agentTwo.did,
    policy: [maxUses(maxima['share'] as number)],
    clock,
  })
  const sum = await delegate({
    issuer: ownerTwo,
    audience: agentTwo.did,
    command: pay,
    policy: [maxSum('.amount', '2.50')],
    expiration: ends(),
    clock,
  })
  return [
    { issuer: agentOne, subject: ownerOne, proofs: [root], uses: ['root'] },
    { issuer: agentTwo, subject: ownerOne, proofs: [root, share], uses: ['root', 'share'] },
    { issuer: agentTwo, subject: ownerTwo, proofs: [sum], uses: ['sum'] },
  ]
}

async function makeCall(
  { issuer, subject, proofs, uses }: CallChain,
  world: number,
  random: (bound: number) => number,
): Promise<Call> {
  const invocation = await invoke({
    issuer,
    audience: audience.did,
    subject: subject.did,
    command: pay,
    args: { amount: '1.00' },
    proofs,
    expiresIn: 5 + random(random(2) === 0 ? 60 : 295),
    clock: { now: () => world },
  })
  return { bytes: encodeContainerBytes([invocation, ...proofs]), uses, allowed: 0 }
}

function numbersFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

/** Plays histories one after the other, each later than the one before. Returns what was allowed in all of them. */
export async function playClockHistories(
  services: readonly ClockService[],
  histories: number,
  firstSeed: number,
): Promise<Counts> {
  const counts: Counts = { calls: 0, copies: 0, commits: 0, refused: 0 }
  // All of them are in the past, in which no clock of a server keeps a store from forgetting.
  const start = Math.floor(Date.now() / 1000) - (histories + 1) * historySeconds
  for (let at = 0; at < histories; at++)
    await playClockHistory(services, firstSeed + at, start + at * historySeconds, counts)
  expect(counts.calls).toBeGreaterThan(2 * histories)
  expect(counts.refused).toBeGreaterThan(5 * histories)
  expect(counts.commits).toBeGreaterThan(0)
  return counts
}
