/**
 * The cases of limit stores that forget.
 *
 * @module
 */

import type { LimitEntry, LimitStore } from '../core/authorization/limits/limit-store.ts'
import { answerOf, assertThat, type CaseOf } from './conformance-case.ts'
import { assertIs, left, reserve } from './limit-history.ts'
import { type Change, limits, requests } from './limit-requests.ts'

/** Cases in which other calls, or `prune`, make a store forget entries that have ended. */
export const forgettingCases: readonly CaseOf<LimitStore>[] = [
  [
    'LMT-15 commits a reservation before its deadline, although its delegation has expired',
    async ({ store, another, prune, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const entry = limit('uses', { expiration: start + 60 })
      const one = request([entry], { deadline: start + 3_600 })
      assertIs(await reserve(store, one), 'reserved', 'the call')
      clock.advance(1_000)
      for (let call = 0; call < 120; call++) {
        const other = limit(`other ${call}`, { expiration: clock.now() + 60 })
        await reserve(store, request([other], { deadline: clock.now() + 60 }))
      }
      await prune()
      assertIs(await answerOf(async () => (await another()).commit(one.reservation, {})), true, 'the commit')
    },
  ],
  [
    'LMT-12 counts a rate for its whole period, although the call ended and other entries are forgotten',
    async ({ store, prune, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      for (const commit of [true, false]) {
        const rate = limit(`rate ${commit}`, { kind: 'rate', maximum: 1, window: 500 })
        const busy = limit(`busy ${commit}`, { kind: 'concurrent', maximum: 1 })
        const other = limit(`other ${commit}`, { kind: 'rate', maximum: 1, window: 500 })
        for (const entries of [
          [rate, busy],
          [{ ...busy, key: `${busy.key} first` }, other],
        ]) {
          const one = request(entries, { commit, deadline: clock.now() + 10 })
          assertIs(await reserve(store, one), 'reserved', 'the call')
          if (!commit) await store.commit(one.reservation, {})
        }
        clock.advance(20)
        for (let call = 0; call < 120; call++) {
          const one = request([limit(`later ${commit} ${call}`)], { deadline: clock.now() + 60 })
          await reserve(store, one)
        }
        await prune()
        for (const entry of [rate, other]) assertIs(await left(store, entry), 0, `within the period, commit: ${commit}`)
        assertIs(await left(store, busy), 1, 'the place of the call that ended')
      }
    },
  ],
  [
    'LMT-14 does not forget used amounts while the delegation is valid, or when the clock goes back',
    async ({ store, another, prune, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const entry = limit('day', { maximum: 1 })
      const soon = (): Change => ({ deadline: clock.now() + 60 })
      const ever = limit('ever', { maximum: 1, expiration: Number.POSITIVE_INFINITY })
      await reserve(store, request([entry, ever], { commit: true }))
      clock.advance(86_399)
      await prune()
      assertIs(await reserve(await another(), request([entry], soon())), 'day 0', 'in its last second')
      clock.advance(86_400)
      for (let call = 0; call < 300; call++) {
        const other = limit(`later ${call}`, { expiration: clock.now() + 60 })
        await reserve(store, request([other], soon()))
      }
      await prune()
      assertIs(await left(store, ever), 0, 'a delegation that never expires')
      clock.advance(-86_400)
      const again = await reserve(store, request([entry], soon()))
      assertThat(again !== 'reserved', `after the clock went back: ${again}`)
    },
  ],
  [
    'LMT-14 does not forget used amounts while a service with a larger clock tolerance takes the delegation',
    async ({ store, another, prune, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const [strict, tolerant] = [start + 60, start + 360].map((expiration) =>
        limit('same', { maximum: 1, expiration }),
      )
      await reserve(store, request([strict as LimitEntry], { commit: true }))
      clock.advance(350)
      for (let call = 0; call < 120; call++) {
        const other = limit(`other ${call}`, { expiration: clock.now() + 60 })
        await reserve(store, request([other], { deadline: clock.now() + 60 }))
      }
      await prune()
      const late = request([tolerant as LimitEntry], { deadline: clock.now() + 60 })
      assertIs(await reserve(await another(), late), 'same 0', 'for the other service')
    },
  ],
  [
    'LMT-14 does not refill a budget when a clock was ahead, whatever the clock tolerance of the next service',
    async ({ store, another, prune, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const used = [60, 200, 359].map((seconds) =>
        limit(`ends ${seconds}`, { maximum: 1, expiration: start + seconds }),
      )
      for (const entry of used) await reserve(store, request([entry], { commit: true }))
      const other = await another()
      for (const ahead of [361, 500, 659, 660, 661, 3_600]) {
        clock.advance(ahead)
        for (let call = 0; call < 120; call++) {
          const later = limit(`other ${ahead} ${call}`, { expiration: clock.now() + 60 })
          await reserve(store, request([later], { deadline: clock.now() + 60 }))
        }
        await prune()
        clock.advance(-ahead)
        for (const entry of used) {
          const again = request([{ ...entry, expiration: entry.expiration + 300 }], { commit: true })
          assertThat((await reserve(other, again)) !== 'reserved', `after ${ahead} seconds ahead, it was refilled`)
        }
      }
    },
  ],
  [
    'LMT-14 adds up the uses of services with different clock tolerances, and keeps them until the last end',
    async ({ store, another, prune, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      const ends = [start + 60, start + 2_000]
      const order = [true, false].flatMap((commit) => [ends, [...ends].reverse()].map((all) => ({ commit, all })))
      for (const [at, { commit, all }] of order.entries()) {
        for (const expiration of all) {
          const one = request([limit(`order ${at}`, { expiration })], { commit })
          assertIs(await reserve(store, one), 'reserved', `order ${at + 1}`)
          if (!commit) await store.commit(one.reservation, {})
        }
      }
      clock.advance(1_000)
      for (let call = 0; call < 120; call++) {
        const other = limit(`other ${call}`, { expiration: clock.now() + 60 })
        await reserve(store, request([other], { deadline: clock.now() + 60 }))
      }
      await prune()
      for (const at of order.keys()) {
        const entry = limit(`order ${at}`, { expiration: start + 2_000 })
        assertIs(await left(await another(), entry), 1, `order ${at + 1}, after the first end`)
      }
    },
  ],
  [
    'LMT-14 does not refill a used limit at any time after its end',
    async ({ store, another, prune, clock, start }) => {
      const [request, limit] = [requests(start), limits(start)]
      // Each of them ends a second later. A store forgets those before a time, and rejects those before the same time.
      const ends = Array.from({ length: 400 }, (_, index) =>
        limit(`ends ${index}`, { maximum: 1, expiration: start + index + 1 }),
      )
      await Promise.all(ends.map((entry) => reserve(store, request([entry], { commit: true }))))
      const other = await another()
      for (const seconds of [350, 61, 5]) {
        clock.advance(seconds)
        const change = { deadline: clock.now() + 60, commit: true }
        for (const handle of [store, other]) {
          const answers = await Promise.all(ends.map((entry) => reserve(handle, request([entry], change))))
          assertThat(!answers.includes('reserved'), 'a used limit was reserved again')
        }
        await prune()
      }
    },
  ],
]
