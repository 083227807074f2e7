/**
 * The conformance suite of limit stores.
 *
 * @module
 */

import type { LimitEntry, LimitRequest, LimitStore } from '../core/authorization/limits/limit-store.ts'
import type { Timestamp } from '../time.ts'
import {
  answerOf,
  answerWhenHealed,
  assertThat,
  type CaseOf,
  type ConformanceCase,
  type ConformanceOptions,
  casesFor,
  type OpenStore,
  rejected,
} from './conformance-case.ts'
import { forgettingCases } from './limit-forgetting-cases.ts'
import { assertIs, compareHistory, left, reserve } from './limit-history.ts'
import { type Change, limits, requests } from './limit-requests.ts'

/**
 * Returns the cases that a limit store has to pass. Register them with any test runner.
 *
 * @param open - opens the store over empty data, once for each case.
 * @throws ArgumentError when `open` or an option is invalid.
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { limitStoreCases } from 'procura/testing'
 *
 * for (const { name, run } of limitStoreCases(openLimitStore)) test(name, run)
 * ```
 */
export function limitStoreCases(
  open: OpenStore<LimitStore>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  return casesFor('limitStoreCases', cases, open, options)
}

/** Takes a limit of 3 as a second process would, and returns how many of the calls were possible. */
async function takeAll(
  stores: readonly LimitStore[],
  entry: LimitEntry,
  calls: number,
  start: Timestamp,
): Promise<number> {
  const request = requests(start)
  const answers = await Promise.all(
    Array.from({ length: calls }, (_, index) =>
      reserve(stores[index % stores.length] as LimitStore, request([entry], { commit: index % 3 === 0 })),
    ),
  )
  const unknown = answers.filter((answer) => answer === rejected).length
  assertIs(unknown, 0, 'rejected requests')
  return answers.filter((answer) => answer === 'reserved').length
}

const cases: readonly CaseOf<LimitStore>[] = [
  [
    'LMT-10 reserves up to the maximum, and reports the rest',
    async ({ store, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const sum = limit('sum', { maximum: 10, amount: 4 })
      assertIs(await left(store, sum), 10, 'before')
      assertIs(await reserve(store, request([sum])), 'reserved', 'the first call')
      assertIs(await reserve(store, request([sum], { commit: true })), 'reserved', 'the second call')
      assertIs(await reserve(store, request([sum])), 'sum 2', 'the third call')
      assertIs(await left(store, sum), 2, 'after the refusal')
      assertIs(await reserve(store, request([{ ...sum, amount: 2 }])), 'reserved', 'a smaller call')
      assertIs(await reserve(store, request([{ ...sum, amount: 0 }])), 'sum 0', 'the amount 0 with nothing left')
    },
  ],
  [
    'LMT-10 reserves all limits of a call or none',
    async ({ store, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const [wide, narrow] = [limit('wide', { maximum: 100 }), limit('narrow', { maximum: 1 })]
      assertIs(await reserve(store, request([wide, narrow])), 'reserved', 'the first call')
      assertIs(await reserve(store, request([wide, narrow])), 'narrow 0', 'the second call')
      assertIs(await reserve(store, request([narrow, wide])), 'narrow 0', 'the other order')
      assertIs(await left(store, wide), 99, 'the limit that had enough')
    },
  ],
  [
    'LMT-10 allows 30 of 200 calls that arrive at once through two handles',
    async ({ store, another, start }) => {
      const entry = limits(start)('same', { maximum: 30 })
      const allowed = await takeAll([store, await another()], entry, 200, start)
      assertIs(allowed, 30, 'allowed calls')
    },
  ],
  [
    'LMT-15 gives back a reservation that is released or expires, and never one that was committed',
    async ({ store, another, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const entry = limit('uses')
      const [released, expired, committed] = [request([entry]), request([entry]), request([entry])]
      for (const one of [released, expired, committed]) await reserve(store, one)
      assertIs(await left(store, entry), 0, 'while all are reserved')
      const other = await another()
      assertIs(await other.commit(committed.reservation, {}), true, 'the commit')
      await other.release(released.reservation, {})
      await other.release(committed.reservation, {})
      assertIs(await left(store, entry), 1, 'after the release')
      clock.advance(60)
      assertIs(await other.commit(expired.reservation, {}), false, 'a commit at the deadline')
      clock.advance(1)
      assertIs(await left(store, entry), 2, 'after the deadline')
      assertIs(await other.commit(expired.reservation, {}), false, 'a commit after the deadline')
      assertIs(await other.commit(released.reservation, {}), false, 'a commit after the release')
      assertIs(await other.commit('unknown', {}), false, 'a commit of nothing')
      assertIs(await left(store, entry), 2, 'after these commits')
    },
  ],
  [
    'LMT-15 does not commit a reservation of which another call has taken a part',
    async ({ store, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const [first, second] = [limit('first', { maximum: 1 }), limit('second', { maximum: 1 })]
      const both = request([first, second])
      await reserve(store, both)
      clock.advance(61)
      assertIs(await reserve(store, request([first], { deadline: start + 600 })), 'reserved', 'the other call')
      clock.advance(-61)
      assertIs(await answerOf(() => store.commit(both.reservation, {})), false, 'the commit')
      assertIs(await left(store, second), 1, 'the other limit')
    },
  ],
  [
    'LMT-15 rejects a reservation whose deadline has passed by its clock, instead of a call that does not count',
    async ({ store, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const entry = limit('uses')
      for (const commit of [true, false])
        for (const deadline of [start - 60, start])
          assertIs(await reserve(store, request([entry], { commit, deadline })), rejected, `commit: ${commit}`)
      assertIs(await left(store, entry), 3, 'afterwards')
    },
  ],
  [
    'LMT-12 counts a rate in every period, and concurrent calls until they end',
    async ({ store, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const rate = limit('rate', { kind: 'rate', maximum: 2, window: 10 })
      const busy = limit('busy', { kind: 'concurrent', maximum: 1 })
      const call = (change: Change = {}): LimitRequest =>
        request([rate, busy], { commit: true, deadline: clock.now() + 60, ...change })
      const first = call()
      assertIs(await reserve(store, first), 'reserved', 'the first call')
      assertIs(await reserve(store, call()), 'busy 0', 'a call beside it')
      await store.release(first.reservation, {})
      clock.advance(5)
      const second = call()
      assertIs(await reserve(store, second), 'reserved', 'the second call')
      await store.release(second.reservation, {})
      const third = await reserve(store, call())
      assertThat(/^rate 0 until \d+$/.test(third), `a third call in the period: ${third}`)
      clock.advance(20)
      assertIs(await reserve(store, call()), 'reserved', 'a call after the period')
      clock.advance(61)
      assertIs(await reserve(store, call()), 'reserved', 'a call after the deadline of one that did not end')
    },
  ],
  [
    'LMT-12 counts a call that is committed later for the period of its rate, whatever its deadline',
    async ({ store, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const rate = limit('rate', { kind: 'rate', maximum: 1, window: 100 })
      const busy = limit('busy', { kind: 'concurrent', maximum: 1 })
      const call = async (entries: readonly LimitEntry[], seconds: number): Promise<void> => {
        const one = request(entries, { deadline: clock.now() + seconds })
        assertIs(await reserve(store, one), 'reserved', 'the call')
        assertIs(await answerOf(() => store.commit(one.reservation, {})), true, 'the commit')
      }
      await call([rate], 20)
      clock.advance(50)
      assertIs(await left(store, rate), 0, 'after the deadline, within the period')
      clock.advance(52)
      assertIs(await left(store, rate), 1, 'after the period')
      await call([rate, busy], 1_000)
      clock.advance(102)
      await call([rate], 1_000)
      assertIs(await left(store, busy), 0, 'the concurrent call whose rate is free again')
      const again = request([limit('again', { maximum: 1 })], { deadline: clock.now() + 60 })
      assertIs(await reserve(store, again), 'reserved', 'a call')
      clock.advance(60)
      const next = request(again.entries, { deadline: clock.now() + 60 })
      assertIs(await reserve(store, next), 'reserved', 'the next one, at its deadline')
    },
  ],
  [
    'LMT-12 counts a rate from the commit of a call, which can begin long after its reservation',
    async ({ store, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const rate = limit('rate', { kind: 'rate', maximum: 2, window: 10 })
      for (let at = 0; at < 2; at++) {
        const one = request([rate], { deadline: clock.now() + 60 })
        assertIs(await reserve(store, one), 'reserved', 'the call')
        clock.advance(30)
        assertIs(await answerOf(() => store.commit(one.reservation, {})), true, 'the commit')
        clock.advance(10)
        assertIs(await left(store, rate), 1, 'within the period')
        clock.advance(1)
        assertIs(await left(store, rate), 2, 'after the period')
      }
    },
  ],
  [
    'LMT-12 counts no amount of a period that is over, however many there are',
    async ({ store, another, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const rates = [1, 2].map((at) => limit(`rate ${at}`, { kind: 'rate', maximum: 700, window: 10 }))
      const call = (): Promise<string> => reserve(store, request(rates, { commit: true, deadline: clock.now() + 60 }))
      const answers = await Promise.all(Array.from({ length: 701 }, call))
      assertIs(answers.filter((answer) => answer === 'reserved').length, 700, 'calls in the period')
      clock.advance(11)
      for (const entry of rates) assertIs(await left(store, entry), 700, 'after the period')
      for (let calls = 1; calls <= 3; calls++) {
        assertIs(await call(), 'reserved', 'a call in the next period')
        for (const entry of rates) assertIs(await left(await another(), entry), 700 - calls, 'in the next period')
      }
    },
  ],
  [
    'LMT-13 counts a task once, and only for a call that was committed',
    async ({ store, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const entry = limit('uses')
      const other = limit('other')
      const [one, two] = [request([entry], { task: 'a' }), request([entry], { task: 'a' })]
      await reserve(store, one)
      await reserve(store, two)
      assertIs(await left(store, entry), 1, 'while both are reserved')
      await store.commit(one.reservation, {})
      await store.commit(two.reservation, {})
      assertIs(await left(store, entry), 2, 'after both')
      assertIs(await reserve(store, request([entry, other], { task: 'a', commit: true })), 'reserved', 'a third time')
      assertIs(await left(store, entry), 2, 'after the third time')
      assertIs(await reserve(store, request([entry], { task: 'a' })), 'reserved', 'a fourth time')
      assertIs(await left(store, entry), 2, 'while the fourth call is in progress')
      assertIs(await left(store, other), 2, 'the limit for which it is the first time')
      await reserve(store, request([entry], { task: 'b', commit: true }))
      await reserve(store, request([entry], { task: 'c', commit: true }))
      assertIs(await reserve(store, request([entry], { task: 'd' })), 'uses 0', 'a new task with nothing left')
      assertIs(await reserve(store, request([entry], { task: 'b' })), 'reserved', 'a paid task with nothing left')
    },
  ],
  [
    'LMT-13 counts a task whose first call had the amount 0',
    async ({ store, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      for (const commit of [true, false]) {
        const sum = limit(`sum ${commit}`, { maximum: 10 })
        for (const [amount, rest] of [
          [0, 10],
          [4, 6],
          [4, 6],
        ] as const) {
          const one = request([{ ...sum, amount }], { task: 'a', commit })
          assertIs(await reserve(store, one), 'reserved', `the amount ${amount}`)
          if (!commit) assertIs(await answerOf(() => store.commit(one.reservation, {})), true, 'the commit')
          assertIs(await left(store, sum), rest, `after the amount ${amount}`)
        }
      }
    },
  ],
  [
    'LMT-10 rejects a second reservation of one name while the first one is in progress',
    async ({ store, another, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const [uses, busy] = [limit('uses'), limit('busy', { kind: 'concurrent' })]
      const [held, final] = [request([uses]), request([uses, busy], { commit: true })]
      for (const one of [held, final]) {
        assertIs(await reserve(store, one), 'reserved', 'the first one')
        assertIs(await reserve(await another(), one), rejected, 'the second one')
      }
      assertIs(await left(store, uses), 1, 'afterwards')
      assertIs(await left(store, busy), 2, 'the calls in progress')
    },
  ],
  [
    'LMT-11 rejects a malformed request, instead of answering it',
    async ({ store, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const good = limit('a')
      const entries: readonly unknown[] = [
        undefined,
        [],
        [undefined],
        [{ ...good, key: 1 }],
        [{ ...good, kind: 'uses' }],
        [{ ...good, kind: 'rate' }],
        [{ ...good, kind: 'rate', window: 10, amount: 2 }],
        [{ ...good, kind: 'concurrent', amount: 0 }],
        [{ ...good, maximum: 0 }],
        [{ ...good, maximum: Number.POSITIVE_INFINITY }],
        [{ ...good, amount: -1 }],
        [{ ...good, amount: 0.5 }],
        [{ ...good, amount: 1e308 }],
        [{ ...good, amount: '1' }],
        [{ ...good, amount: Number.NaN }],
        [{ ...good, expiration: Number.NaN }],
        [good, good],
      ]
      for (const [index, wrong] of entries.entries())
        assertIs(await reserve(store, request(wrong as readonly LimitEntry[])), rejected, `entries ${index + 1}`)
      for (const wrong of [{ deadline: Number.NaN }, { commit: 1 }, { reservation: 1 }, { task: 1 }])
        assertIs(await reserve(store, request([good], wrong as never)), rejected, JSON.stringify(wrong))
      assertIs(await left(store, good), 3, 'afterwards')
    },
  ],
  ...forgettingCases,
  [
    'LMT-10 agrees with a plain model in random histories',
    async (context) => {
      for (let seed = 1; seed <= 4; seed++) await compareHistory(context, seed, 40)
    },
  ],
  [
    'LMT-11 rejects requests while the back end is unreachable, and remembers afterwards',
    async ({ store, interrupt, restore, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const entry = limit('uses', { maximum: 2 })
      await reserve(store, request([entry], { commit: true }))
      await interrupt()
      const during = await reserve(store, request([entry]))
      const remaining = await left(store, entry)
      await restore()
      assertIs(during, rejected, 'while it was unreachable')
      assertIs(remaining, rejected, 'the rest while it was unreachable')
      await answerWhenHealed(() => store.remaining([entry], {}))
      const after = await left(store, entry)
      assertThat(after === 1 || after === 0, `after the interruption ${String(after)} remains of 1`)
    },
    'interrupt',
  ],
  [
    'LMT-11 rejects requests after its data was erased',
    async ({ store, erase, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      await reserve(store, request([limit('uses')], { commit: true }))
      await erase()
      assertIs(await reserve(store, request([limit('uses')])), rejected, 'after the loss')
    },
    'erase',
  ],
]
