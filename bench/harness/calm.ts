/**
 * Repeats the turns during which something outside of the benchmark used the processor.
 *
 * On a virtual machine, the other thread of a core can belong to another machine. While that thread is busy, everything
 * here takes up to twice as long, for tenths of a second or for minutes. A machine that takes the caches slows all code
 * but a verification. So a few verifications before and after each turn are timed, and the making of a few objects.
 *
 * @module
 */

import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Table } from './suite.ts'
import { number, time } from './table.ts'

/** How many turns were disturbed. */
export interface Disturbance {
  readonly turns: number
  /** Turns that were taken again. */
  readonly repeated: number
  /** Turns that count although they were disturbed: the time for waiting was used up. */
  readonly counted: number
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
/** Milliseconds that the turns of this process may still wait for the processor, with the turns that are repeated. */
let patience = 180_000
const seen = { turns: 0, repeated: 0, counted: 0 }

/**
 * Tells how long a verification takes on the undisturbed processor. Without it, no turn is repeated.
 *
 * @param microseconds - the result of `findPace`.
 */
export function expectPace(microseconds: number): void {
  usualVerification = microseconds
}

/** The turns of this process until now. */
export function disturbance(): Disturbance {
  return { ...seen }
}

/** Microseconds of a verification while the processor is undisturbed: a tenth of the probes of some time took less. */
export async function findPace(milliseconds: number): Promise<number> {
  const probes: number[] = []
  const end = performance.now() + milliseconds
  while (probes.length === 0 || performance.now() < end) {
    probes.push(timeOf(verifyOne))
    await wait(1)
  }
  return usual(probes)
}

/** The turns of all suites. */
export function calmTable(pace: number, suites: readonly Disturbance[]): Table {
  const sum = (what: keyof Disturbance) => number(suites.reduce((total, suite) => total + suite[what], 0))
  return {
    title: 'Disturbances',
    columns: ['what', 'value'],
    rows: [
      ['one verification by `node:crypto`, undisturbed', time(pace)],
      ['turns', sum('turns')],
      [
        `repeated, as this or the making of objects took more than ${tolerance} times as long afterwards`,
        sum('repeated'),
      ],
      ['counted although disturbed, as the time for waiting was over', sum('counted')],
    ],
  }
}

/** Takes a turn when the processor is undisturbed, and again if it was disturbed meanwhile. */
export async function calmly<T>(take: () => T | Promise<T>): Promise<T> {
  if (usualVerification === Number.POSITIVE_INFINITY) return take()
  seen.turns += 1
  for (;;) {
    let wasCalm = isCalm()
    while (!wasCalm && patience > 0) {
      await wait(pauseMs)
      patience -= pauseMs
      wasCalm = isCalm()
    }
    const start = performance.now()
    const value = await take()
    if (wasCalm && isCalm()) return value
    if (patience <= 0) {
      seen.counted += 1
      return value
    }
    patience -= performance.now() - start
    seen.repeated += 1
  }
}

function isCalm(): boolean {
  if (add(verifications, verifyOne) > Math.min(usual(verifications), usualVerification) * tolerance) return false
  return add(objects, makeObjects) <= usual(objects) * tolerance
}

/** Adds the time of a call to the last ones, and returns it. */
function add(times: number[], run: () => unknown): number {
  const elapsed = timeOf(run)
  times.push(elapsed)
  if (times.length > recent) times.shift()
  return elapsed
}

/** The time in the fastest tenth. */
function usual(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 10)] as number
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
