/**
 * Repeats the turns during which something outside of the benchmark used the processor.
 *
 * On a virtual machine, the other thread of a core can belong to another machine. While that thread is busy, everything
 * here takes up to twice as long, for tenths of a second or for minutes. A few verifications before and after each turn
 * show it.
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

/** A verification of the undisturbed processor takes at most so many times its usual time. */
const tolerance = 1.2

/** Between two probes while the processor is disturbed. */
const pauseMs = 15

const verifyOne = prepareVerification()
let limit = Number.POSITIVE_INFINITY
/** Milliseconds that the turns of this process may still wait for the processor, with the turns that are repeated. */
let patience = 180_000
const seen = { turns: 0, repeated: 0, counted: 0 }

/**
 * Tells how long a verification takes on the undisturbed processor. Without it, no turn is repeated.
 *
 * @param microseconds - the result of `findPace`.
 */
export function expectPace(microseconds: number): void {
  limit = microseconds * tolerance
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
    probes.push(probe())
    await wait(1)
  }
  return probes.sort((a, b) => a - b)[Math.floor(probes.length / 10)] as number
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
      [`repeated, as a verification took more than ${tolerance} times as long afterwards`, sum('repeated')],
      ['counted although disturbed, as the time for waiting was over', sum('counted')],
    ],
  }
}

/** Takes a turn when the processor is undisturbed, and again if it was disturbed meanwhile. */
export async function calmly<T>(take: () => T | Promise<T>): Promise<T> {
  if (limit === Number.POSITIVE_INFINITY) return take()
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
  return probe() <= limit
}

/** Microseconds of a verification, now. */
function probe(): number {
  // The first ones after a pause take longer.
  for (let count = 0; count < 3; count++) verifyOne()
  const times = Array.from({ length: 7 }, () => {
    const start = performance.now()
    verifyOne()
    return (performance.now() - start) * 1_000
  })
  return times.sort((a, b) => a - b)[3] as number
}

function prepareVerification(): () => boolean {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const message = new Uint8Array(400)
  const signature = sign(null, message, privateKey)
  return () => verify(null, message, publicKey, signature)
}
