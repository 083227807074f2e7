/**
 * Properties of stores that several processes share.
 *
 * @module
 */

import { expect } from 'vitest'
import type { StoresPlace } from './place.ts'
import { makeBudgetCalls, makeCalls, startVerifier, type Verifier } from './verifiers.ts'

/** How processes are started. */
export interface ProcessesOptions {
  readonly program: string
  readonly place: StoresPlace
  /** The program that runs them, by default the program of this process. */
  readonly node?: string
}

const processes = 4

async function startAll({ program, place, node }: ProcessesOptions): Promise<Verifier[]> {
  return Promise.all(Array.from({ length: processes }, () => startVerifier(program, place, node)))
}

/** Sends one call many times to four processes at once, and expects that one copy is allowed. */
export async function expectOneYes(options: ProcessesOptions, copies: number): Promise<void> {
  const verifiers = await startAll(options)
  try {
    const [call] = await makeCalls(1)
    const own = Array.from({ length: copies / processes }, () => call as Uint8Array)
    const answers = (await Promise.all(verifiers.map((verifier) => verifier.verify(own, { again: true })))).flat()
    expect(countOf(answers)).toEqual({ allowed: 1, replayed: copies - 1 })
  } finally {
    await Promise.all(verifiers.map((verifier) => verifier.kill()))
  }
}

/** How many calls are sent twice, and how often the store fails meanwhile. */
export interface TwiceOptions {
  readonly calls: number
  readonly failures: number
  /** Whether the chain of each call has limits. Default false. */
  readonly limits?: boolean
}

/**
 * Sends many calls twice, each copy to another process, while the store fails several times. Expects that no call is
 * allowed twice, that most are allowed, and that all are used up at the end. Where all stores are asked together, each
 * call with limits counts exactly once; where each is asked by itself, the use of a call whose answer was lost may not
 * be counted.
 *
 * @param fail - makes the store fail, and resolves when it works again.
 */
export async function expectNoSecondYes(
  options: ProcessesOptions,
  { calls: count, failures, limits = false }: TwiceOptions,
  fail: (verifiers: Verifier[]) => Promise<void>,
): Promise<void> {
  const limited = limits ? await makeBudgetCalls(count, 2 * count, `${10 * count}.00`) : undefined
  const calls = limited?.calls ?? (await makeCalls(count))
  const verifiers = await startAll(options)
  let failed = 0
  let failing = Promise.resolve()
  const onAnswer = (done: number): void => {
    if (done < ((failed + 1) * 2 * count) / (failures + 1) || failed === failures) return
    failed += 1
    failing = failing.then(() => fail(verifiers))
  }
  try {
    const allowed = await sendTwice(verifiers, calls, onAnswer, () => failing)
    await failing
    expect(failed).toBe(failures)
    expect([...allowed.values()].filter((times) => times > 1)).toEqual([])
    // A call whose answer was lost is used up without being allowed.
    expect(allowed.size).toBeGreaterThan(count * 0.6)
    const again = await (verifiers[0] as Verifier).verify(calls, { again: true })
    expect(countOf(again)).toEqual({ replayed: count })
    if (limited !== undefined) {
      const [left] = (await verifiers[0]?.remaining(limited.budget)) ?? []
      const isTogether = 'apart' in options.place && options.place.apart === false
      expect(left).toBeGreaterThanOrEqual(count)
      if (isTogether) expect(left).toBe(count)
      else expect(left).toBeLessThanOrEqual(2 * count - allowed.size)
    }
  } finally {
    await Promise.all(verifiers.map((verifier) => verifier.kill()))
  }
}

/**
 * Sends each call to two of four processes, until the stores have answered. Returns how often each call was allowed.
 *
 * @param onAnswer - called with the number of answers so far.
 * @param recovery - resolves when a process that was killed has been replaced.
 */
async function sendTwice(
  verifiers: readonly Verifier[],
  calls: readonly Uint8Array[],
  onAnswer: (done: number) => void,
  recovery: () => Promise<void>,
): Promise<ReadonlyMap<number, number>> {
  const allowed = new Map<number, number>()
  let done = 0
  /** Sends a share to a process, and what it has not answered to the one in its place if it is killed. */
  const verifyAll = async (share: readonly number[], index: number): Promise<void> => {
    let rest = share
    while (rest.length > 0) {
      const sent = rest
      const answered = new Set<number>()
      const verifier = verifiers[index] as Verifier
      const own = sent.map((at) => calls[at] as Uint8Array)
      const options = {
        again: true,
        onAnswer(position: number, answer: string) {
          answered.add(position)
          const at = sent[position] as number
          if (answer === 'allowed') allowed.set(at, (allowed.get(at) ?? 0) + 1)
          onAnswer(++done)
        },
      }
      const wasKilled = await verifier.verify(own, options).then(
        () => false,
        () => true,
      )
      rest = wasKilled ? sent.filter((_, position) => !answered.has(position)) : []
      if (wasKilled) await recovery()
    }
  }
  await Promise.all(sharesOf(calls.length).map(verifyAll))
  return allowed
}

/** The calls of each of four processes: two have each half, from its two ends. */
function sharesOf(count: number): readonly (readonly number[])[] {
  const half = Math.ceil(count / 2)
  const places = Array.from({ length: count }, (_, at) => at)
  return [places.slice(0, half), places.slice(0, half).reverse(), places.slice(half), places.slice(half).reverse()]
}

/** Revokes in one process, and expects that each other one refuses its next call. */
export async function expectRevocationSeen(options: ProcessesOptions): Promise<void> {
  const verifiers = await startAll(options)
  try {
    const calls = await makeCalls(processes * 2)
    const verify = (from: number): Promise<readonly (readonly string[])[]> =>
      Promise.all(verifiers.map((verifier, at) => verifier.verify([calls[from + at] as Uint8Array])))
    expect((await verify(0)).flat()).toEqual(['allowed', 'allowed', 'allowed', 'allowed'])
    await (verifiers[0] as Verifier).revoke()
    expect((await verify(processes)).flat()).toEqual(['revoked', 'revoked', 'revoked', 'revoked'])
  } finally {
    await Promise.all(verifiers.map((verifier) => verifier.kill()))
  }
}

/**
 * Sends calls of 3 sub-agents, who share a budget of uses and of money, to four processes at once. Expects as many
 * allowed calls as there are uses, and what remains of the money to the cent.
 */
export async function expectSharedBudget(options: ProcessesOptions, attempts: number, uses: number): Promise<void> {
  const verifiers = await startAll(options)
  try {
    // More money than the uses can spend in the first round, and less in the second one.
    for (const sum of [10 * uses, 2 * uses]) {
      const { calls, cents, budget } = await makeBudgetCalls(attempts, uses, `${sum}.00`)
      const places = calls.map((_, at) => at)
      const answers: string[] = []
      await Promise.all(
        verifiers.map(async (verifier, index) => {
          const own = places.filter((at) => at % processes === index)
          const found = await verifier.verify(
            own.map((at) => calls[at] as Uint8Array),
            { again: true },
          )
          for (const [position, at] of own.entries()) answers[at] = found[position] as string
        }),
      )
      const allowed = places.filter((at) => answers[at] === 'allowed')
      const spent = allowed.reduce((total, at) => total + (cents[at] as number), 0)
      expect(countOf(answers)).toEqual({ allowed: allowed.length, limit_exhausted: attempts - allowed.length })
      if (sum === 10 * uses) expect(allowed).toHaveLength(uses)
      else expect(allowed.length).toBeLessThan(uses)
      expect(await verifiers[0]?.remaining(budget)).toEqual([
        uses - allowed.length,
        ((sum * 100 - spent) / 100).toFixed(2),
      ])
      // Nothing that still had room was refused: the smallest refused amount does not fit either.
      const refused = places.filter((at) => answers[at] !== 'allowed').map((at) => cents[at] as number)
      if (allowed.length < uses) expect(Math.min(...refused)).toBeGreaterThan(sum * 100 - spent)
    }
  } finally {
    await Promise.all(verifiers.map((verifier) => verifier.kill()))
  }
}

/**
 * Ends a process between the reservation and the commit of the only use. Expects the use to be back after the deadline.
 */
export async function expectGivenBack(options: ProcessesOptions): Promise<void> {
  const [first, second] = await Promise.all(
    [1, 2].map(() => startVerifier(options.program, options.place, options.node)),
  )
  try {
    const key = `given back ${Date.now()}`
    // A busy machine takes seconds until the second process has asked.
    const deadline = Math.floor(Date.now() / 1000) + 10
    expect(await first?.reserve(key, deadline)).toBe(true)
    await first?.kill()
    const reserve = () => second?.reserve(key, Math.floor(Date.now() / 1000) + 60)
    expect(await reserve()).toBe(false)
    await expect.poll(reserve, { timeout: 60_000, interval: 250 }).toBe(true)
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(deadline)
  } finally {
    await Promise.all([first, second].map((verifier) => verifier?.kill()))
  }
}

/** How often each answer was given. */
export function countOf(answers: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}
