/**
 * Properties of stores that several processes share.
 *
 * @module
 */

import { expect } from 'vitest'
import type { StoresPlace } from './place.ts'
import { makeCalls, startVerifier, type Verifier } from './verifiers.ts'

/** How processes are started. */
export interface ProcessesOptions {
  readonly program: string
  readonly place: StoresPlace
  /** The program that runs them, by default that of this process. */
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

/**
 * Sends many calls twice, each copy to another process, while the store fails several times. Expects that no call is allowed
 * twice, that most are allowed, and that all are used up at the end.
 *
 * @param fail - makes the store fail, and resolves when it works again.
 */
export async function expectNoSecondYes(
  options: ProcessesOptions,
  { calls: count, failures }: { readonly calls: number; readonly failures: number },
  fail: (verifiers: Verifier[]) => Promise<void>,
): Promise<void> {
  const calls = await makeCalls(count)
  const verifiers = await startAll(options)
  const allowed = new Map<number, number>()
  const note = (at: number, answer: string | undefined): void => {
    if (answer === 'allowed') allowed.set(at, (allowed.get(at) ?? 0) + 1)
  }
  let done = 0
  let failed = 0
  let failing = Promise.resolve()
  const onProgress = (more: number): void => {
    done += more
    if (done < ((failed + 1) * 2 * count) / (failures + 1) || failed === failures) return
    failed += 1
    failing = failing.then(() => fail(verifiers))
  }
  try {
    const half = Math.ceil(count / 2)
    const places = Array.from({ length: count }, (_, at) => at)
    // Two processes have each half, from its two ends.
    const shares = [
      places.slice(0, half),
      places.slice(0, half).reverse(),
      places.slice(half),
      places.slice(half).reverse(),
    ]
    await Promise.all(
      shares.map(async (share, index) => {
        const own = share.map((at) => calls[at] as Uint8Array)
        const answers = await (verifiers[index] as Verifier).verify(own, { again: true, onProgress })
        for (const [position, at] of share.entries()) note(at, answers[position])
      }),
    )
    await failing
    expect(failed).toBe(failures)
    expect([...allowed.values()].filter((times) => times > 1)).toEqual([])
    // A call whose answer was lost is used up without being allowed.
    expect(allowed.size).toBeGreaterThan(count * 0.8)
    const again = await (verifiers[0] as Verifier).verify(calls, { again: true })
    expect(countOf(again)).toEqual({ replayed: count })
  } finally {
    await Promise.all(verifiers.map((verifier) => verifier.kill()))
  }
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

/** How often each answer was given. */
export function countOf(answers: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const answer of answers) counts[answer] = (counts[answer] ?? 0) + 1
  return counts
}
