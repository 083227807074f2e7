/**
 * Repeats the turns during which something outside of the benchmark used the processor.
 *
 * On a virtual machine, the other thread of a core can belong to another machine. While that thread is busy, everything
 * here takes up to twice as long, for tenths of a second or for minutes. A machine that takes the caches slows all code
 * but a verification. So a few verifications before and after each turn are timed, and the making of a few objects. A
 * suite waits ten seconds at most: after that, disturbed turns count.
 *
 * @module
 */

import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'

/** What a turn returned, and whether the processor was undisturbed before and after it. */
export interface Taken<T> {
  readonly value: T
  readonly isCalm: boolean
}

/** A probe takes at most so many times its usual time while the processor is undisturbed. */
const tolerance = 1.2

/** The usual time is from so many probes: that of making objects changes while the heap grows. */
const recent = 100

/** Between two probes while the processor is disturbed. */
const pauseMs = 15

const verifyOne = prepareVerification()
/** Microseconds of each probe, the last ones. */
const verifications: number[] = []
const objects: number[] = []
/** Microseconds of a verification on the undisturbed processor. */
let usualVerification = Number.POSITIVE_INFINITY
/** Milliseconds that the turns of a suite may wait for the processor, with the turns that are repeated. */
let patience = 10_000

/**
 * Tells how long a verification takes on the undisturbed processor. Without it, no turn is repeated.
 *
 * @param microseconds - the result of `findPace`.
 */
export function expectPace(microseconds: number): void {
  usualVerification = microseconds
}

/** Microseconds of a verification while the processor is undisturbed: few of the probes of some time took less. */
export async function findPace(milliseconds: number): Promise<number> {
  const probes: number[] = []
  const end = performance.now() + milliseconds
  while (probes.length === 0 || performance.now() < end) {
    probes.push(timeOf(verifyOne))
    await wait(1)
  }
  return fastest(probes, 0.02)
}

/** Takes a turn when the processor is undisturbed, and again if it was disturbed meanwhile. */
export async function calmly<T>(take: () => T | Promise<T>): Promise<T> {
  return (await calmlyIfPossible(take)).value
}

/** The same, and tells whether the time for waiting sufficed. */
export async function calmlyIfPossible<T>(take: () => T | Promise<T>): Promise<Taken<T>> {
  if (usualVerification === Number.POSITIVE_INFINITY) return { value: await take(), isCalm: true }
  for (;;) {
    let wasCalm = isCalm()
    while (!wasCalm && patience > 0) {
      await wait(pauseMs)
      patience -= pauseMs
      wasCalm = isCalm()
    }
    const start = performance.now()
    const value = await take()
    if (wasCalm && isCalm()) return { value, isCalm: true }
    if (patience <= 0) return { value, isCalm: false }
    patience -= performance.now() - start
  }
}

function isCalm(): boolean {
  if (add(verifications, verifyOne) > Math.min(fastest(verifications, 0.1), usualVerification) * tolerance) return false
  return add(objects, makeObjects) <= fastest(objects, 0.1) * tolerance
}

/** Adds the time of a call to the last ones, and returns it. */
function add(times: number[], run: () => unknown): number {
  const elapsed = timeOf(run)
  times.push(elapsed)
  if (times.length > recent) times.shift()
  return elapsed
}

/** The time below which a share of the times lies. */
function fastest(times: readonly number[], share: number): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] as number
}

/** Microseconds of a call, now. */
function timeOf(run: () => unknown): number {
  // The first ones after a pause take longer.
  for (let count = 0; count < 3; count++) run()
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now()
    run()
    return (performance.now() - start) * 1_000
  })
  return times.sort((a, b) => a - b)[3] as number
}

/** Takes about a third of the time of a verification. */
function makeObjects(): number {
  const made: { readonly text: string; readonly list: readonly number[] }[] = []
  for (let at = 0; at < 1_500; at++) made.push({ text: `${at}`, list: [at] })
  return made.length
}

function prepareVerification(): () => boolean {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const message = new Uint8Array(400)
  const signature = sign(null, message, privateKey)
  return () => verify(null, message, publicKey, signature)
}
