/**
 * Random histories of a limit store, compared with a plain model.
 *
 * @module
 */

import type { LimitAnswer, LimitEntry, LimitRequest, LimitStore } from '../core/authorization/limits/limit-store.ts'
import { answerOf, assertThat, type CaseContext, type MovableClock, rejected } from './conformance-case.ts'
import { createLimitModel } from './limit-model.ts'

/** Reserves, and returns the answer in a line, as {@link show} does. */
export async function reserve(store: LimitStore, request: LimitRequest): Promise<string> {
  return show(await answerOf(() => store.reserve(request, {})))
}

/** An answer in a line: `reserved`, the key with what remains, or `rejected`. */
function show(answer: unknown): string {
  if (answer === rejected) return rejected
  const { reserved, ...state } = Object(answer) as { readonly reserved?: boolean; readonly key?: string }
  if (reserved === true) return 'reserved'
  const { key, remaining, freeAt } = state as Extract<LimitAnswer, { readonly reserved: false }>
  return `${key} ${remaining}${freeAt === undefined ? '' : ` until ${freeAt}`}`
}

/** Returns the remaining amount of a limit. */
export async function left(store: LimitStore, entry: LimitEntry): Promise<unknown> {
  const answer = await answerOf(() => store.remaining([entry], {}))
  return answer === rejected ? rejected : (answer as readonly { readonly remaining: number }[])[0]?.remaining
}

/** Rejects with a message unless two values are the same. */
export function assertIs(found: unknown, wanted: unknown, when: string): void {
  assertThat(found === wanted, `${when}: ${String(found)} instead of ${String(wanted)}`)
}

/** Numbers from 0 to below `bound`, the same for each seed. */
function numbersFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0
  return (bound) => {
    // A linear congruential generator: its high bits are random enough to choose a step.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

/**
 * Makes random requests to a store and to a plain model, and rejects when an answer differs.
 *
 * @param seed - selects the history, and keeps its keys apart from those of others.
 */
export async function compareHistory(
  {
    store,
    another,
    clock,
  }: Pick<CaseContext<LimitStore>, 'store' | 'another'> & {
    readonly clock: Pick<MovableClock, 'now' | 'advance'>
  },
  seed: number,
  steps: number,
): Promise<void> {
  const model = createLimitModel()
  const random = numbersFrom(seed)
  const handles = [store, await another()]
  const names: string[] = []
  const expiration = Number.POSITIVE_INFINITY
  const kinds = [
    { kind: 'total', maximum: 5 },
    { kind: 'total', maximum: 20 },
    { kind: 'rate', maximum: 3, window: 10 },
    { kind: 'concurrent', maximum: 2 },
  ] as const
  const all = kinds.map((one, index): LimitEntry => ({ key: `${seed} ${index}`, amount: 1, expiration, ...one }))
  for (let step = 0; step < steps; step++) {
    const handle = handles[random(2)] as LimitStore
    const now = Math.floor(clock.now())
    const name = names[random(names.length)]
    const when = `history ${seed}, step ${step + 1}`
    const choice = random(10)
    if (choice < 5) {
      const chosen = all
        .filter(() => random(2) === 0)
        .map((entry) => (entry.maximum === 20 ? { ...entry, amount: random(8) } : entry))
      const request: LimitRequest = {
        reservation: `${seed} ${step}`,
        entries: chosen.length === 0 ? all : chosen,
        deadline: now + 1 + random(30),
        commit: random(2) === 0,
        ...(random(3) === 0 && { task: `task ${random(4)}` }),
      }
      names.push(request.reservation)
      const wanted = show(model.reserve(request, now))
      assertIs(await reserve(handle, request), wanted, `${when}, reserve`)
    } else if (choice < 7 && name !== undefined) {
      // A store may forget a reservation once nothing of it can be given back, so a second commit has no fixed answer.
      const wanted = model.commit(name, now)
      const found = await answerOf(() => handle.commit(name, {}))
      if (wanted) assertIs(found, true, `${when}, commit`)
    } else if (choice < 8 && name !== undefined) {
      model.release(name)
      await handle.release(name, {})
    } else if (choice < 9) {
      clock.advance(random(12))
    }
    const later = Math.floor(clock.now())
    const states = await answerOf(() => handle.remaining(all, {}))
    const wanted = model.remaining(all, later)
    assertIs(JSON.stringify(states), JSON.stringify(wanted), `${when}, the rest`)
  }
}
