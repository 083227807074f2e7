/**
 * The conformance suite of replay stores.
 *
 * @module
 */

import type { ReplayStore } from '../core/authorization/replay-store.ts'
import {
  answerOf,
  answerWhenHealed,
  assertThat,
  type CaseOf,
  type ConformanceCase,
  type ConformanceOptions,
  casesFor,
  type OpenStore,
  oddNames,
  rejected,
} from './conformance-case.ts'

/** More than most drivers send in one message. */
const copies = 200

/**
 * Returns the cases that a replay store has to pass. Register them with any test runner.
 *
 * @param open - opens the store over empty data, once for each case.
 * @throws ArgumentError when `open` or an option is invalid.
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { replayStoreCases } from 'procura/testing'
 *
 * for (const { name, run } of replayStoreCases(openReplayStore)) test(name, run)
 * ```
 */
export function replayStoreCases(
  open: OpenStore<ReplayStore>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  return casesFor('replayStoreCases', cases, open, options)
}

function claim(store: ReplayStore, key: string, expiration: number, acceptedFrom?: number): Promise<unknown> {
  return answerOf(() => store.claim(key, expiration, acceptedFrom === undefined ? {} : { acceptedFrom }))
}

const cases: readonly CaseOf<ReplayStore>[] = [
  [
    'RPL-01 answers true to the first claim of a key, and false to every later one',
    async ({ store, start }) => {
      assertThat((await claim(store, 'first', start + 60)) === true, 'the first claim was not answered with true')
      for (const expiration of [start + 60, start + 30, start + 90]) {
        assertThat((await claim(store, 'first', expiration)) === false, 'a later claim was not answered with false')
      }
    },
  ],
  [
    `RPL-01 answers true to one of ${copies} claims that arrive at once through two handles`,
    async ({ store, another, start }) => {
      const other = await another()
      const answers = await Promise.all(
        Array.from({ length: copies }, (_, index) => claim(index % 2 === 0 ? store : other, 'same', start + 60)),
      )
      const count = (wanted: unknown): number => answers.filter((answer) => answer === wanted).length
      assertThat(count(true) === 1, `${count(true)} of ${copies} claims were answered with true`)
      assertThat(count(true) + count(false) === copies, `${count(rejected)} of ${copies} claims were rejected`)
    },
  ],
  [
    'RPL-01 keeps a claim for a handle that is opened later',
    async ({ store, another, start }) => {
      await claim(store, 'kept', start + 60)
      const answer = await claim(await another(), 'kept', start + 60)
      assertThat(answer === false, `a second handle answered ${String(answer)}`)
    },
  ],
  [
    'RPL-01 keeps any two keys apart',
    async ({ store, start }) => {
      for (const answer of [true, false]) {
        for (const key of oddNames) {
          const got = await claim(store, key, start + 60)
          assertThat(got === answer, `the key ${JSON.stringify(key.slice(0, 20))} was answered with ${String(got)}`)
        }
      }
    },
  ],
  [
    'RPL-03 remembers a call without an expiry for ever',
    async ({ store, prune, clock }) => {
      await claim(store, 'for ever', Number.POSITIVE_INFINITY)
      clock.advance(10 * 365 * 86_400)
      await prune()
      const answer = await claim(store, 'for ever', Number.POSITIVE_INFINITY)
      assertThat(answer === false, `after ten years it was answered with ${String(answer)}`)
    },
  ],
  [
    'RPL-03 remembers a key until its last second, and takes new keys afterwards',
    async ({ store, prune, clock, start }) => {
      await claim(store, 'short', start + 60)
      clock.advance(59)
      await prune()
      assertThat((await claim(store, 'short', start + 60)) === false, 'it was forgotten before it expired')
      clock.advance(3600)
      await prune()
      assertThat((await claim(store, 'next', clock.now() + 60)) === true, 'a new key was refused')
    },
  ],
  [
    'RPL-04 does not take a forgotten key again when the clock goes back',
    async ({ store, another, prune, clock, start }) => {
      await claim(store, 'old', start + 60)
      clock.advance(3600)
      await claim(store, 'later', clock.now() + 60)
      await prune()
      clock.advance(-3600)
      for (const handle of [store, await another()]) {
        assertThat((await claim(handle, 'old', start + 60)) !== true, 'a used call was accepted again')
      }
    },
  ],
  [
    'RPL-04 does not take a used key again at any time after its expiry',
    async ({ store, another, prune, clock, start }) => {
      // Each of them ends a second later. A store forgets those before a time, and refuses those before the same time.
      const keys = Array.from({ length: 400 }, (_, index) => [`ends ${index}`, start + index + 1] as const)
      await Promise.all(keys.map(([key, expiration]) => claim(store, key, expiration)))
      const other = await another()
      for (const seconds of [350, 61, 5]) {
        clock.advance(seconds)
        for (const handle of [store, other]) {
          const answers = await Promise.all(keys.map(([key, expiration]) => claim(handle, key, expiration)))
          const place = answers.indexOf(true)
          assertThat(
            place < 0,
            `a call that ended ${clock.now() - (start + place + 1)} seconds before was accepted again`,
          )
        }
        await prune()
      }
    },
  ],
  [
    'RPL-07 keeps a key until the latest expiry with which it was claimed',
    async ({ store, prune, clock, start }) => {
      const ends = [start + 3600, Number.POSITIVE_INFINITY]
      for (const last of ends)
        for (const expiration of [start + 30, last, start + 60]) await claim(store, `until ${last}`, expiration)
      await Promise.all([start + 30, start + 3600, start + 60].map((end) => claim(store, 'at once', end)))
      clock.advance(3000)
      await claim(store, 'other', clock.now() + 60)
      await prune()
      for (const last of ends) {
        const answer = await claim(store, `until ${last}`, last)
        assertThat(answer === false, `before the later expiry it was answered with ${String(answer)}`)
      }
      const atOnce = await claim(store, 'at once', start + 3600)
      assertThat(atOnce === false, `after claims that arrived at once it was answered with ${String(atOnce)}`)
    },
  ],
  [
    'RPL-07 does not take a used key again that a service with a larger clock tolerance claims after the end of the first claim',
    async ({ store, another, prune, clock, start }) => {
      const times = [61, 261, 359]
      for (const time of times) await claim(store, `until ${time}`, start + 60)
      const other = await another()
      for (const time of times) {
        clock.advance(start + time - clock.now())
        for (let call = 0; call < 120; call++) await claim(store, `other ${time} ${call}`, clock.now() + 60)
        await prune()
        const answer = await claim(other, `until ${time}`, start + 360)
        assertThat(answer === false, `${time - 60} seconds after the first end it was answered with ${String(answer)}`)
      }
    },
  ],
  [
    'RPL-04 does not take a used key again when a clock was ahead, whatever the clock tolerance of the next service',
    async ({ store, another, prune, clock, start }) => {
      const keys = [60, 200, 359].map((seconds) => [`ends ${seconds}`, start + seconds] as const)
      for (const [key, expiration] of keys) await claim(store, key, expiration)
      const other = await another()
      for (const ahead of [361, 500, 659, 660, 661, 3600]) {
        clock.advance(ahead)
        for (let call = 0; call < 120; call++) await claim(store, `other ${ahead} ${call}`, clock.now() + 60)
        await prune()
        clock.advance(-ahead)
        for (const [key, expiration] of keys) {
          const answer = await claim(other, key, expiration + 300)
          assertThat(answer !== true, `after ${ahead} seconds ahead, a used call was accepted again`)
        }
      }
    },
  ],
  [
    'RPL-05 rejects a claim without a key or a time, instead of answering it',
    async ({ store, start }) => {
      const wrong: readonly (readonly unknown[])[] = [
        [undefined, start],
        [1, start],
        ['a', undefined],
        ['a', Number.NaN],
        ['a', '1'],
      ]
      for (const [key, expiration] of wrong) {
        const answer = await claim(store, key as string, expiration as number)
        assertThat(answer === rejected, `claim(${String(key)}, ${String(expiration)}) was answered`)
      }
    },
  ],
  [
    'RPL-05 settles a claim whose signal is aborted, and takes at most one of its copies',
    async ({ store, start }) => {
      const signal = AbortSignal.abort()
      const first = await answerOf(() => store.claim('ended', start + 60, { signal }))
      const second = await claim(store, 'ended', start + 60)
      assertThat(!(first === true && second === true), 'both copies were accepted')
    },
  ],
  [
    'RPL-05 rejects claims while the back end is unreachable, and remembers afterwards',
    async ({ store, interrupt, restore, start }) => {
      await claim(store, 'before', start + 60)
      await interrupt()
      const during = await Promise.all(['before', 'during'].map((key) => claim(store, key, start + 60)))
      await restore()
      assertThat(during.join() === 'rejected,rejected', `while it was unreachable it answered ${during.join()}`)
      // A claim whose answer was late is a used one: each attempt is another call.
      let attempts = 0
      const after = await answerWhenHealed(() => store.claim(`after ${attempts++}`, start + 60, {}))
      assertThat(after === true, `a new call was answered with ${String(after)} after the interruption`)
      assertThat((await claim(store, 'before', start + 60)) === false, 'a used call was accepted again')
    },
    'interrupt',
  ],
  [
    'RPL-08 refuses calls that may have been accepted before its data was erased',
    async ({ store, erase, prepareAgain, clock, start }) => {
      await claim(store, 'used', start + 60, start - 60)
      await erase()
      const refuseOldCalls = async (): Promise<void> => {
        for (const acceptedFrom of [undefined, start - 60, start]) {
          const answer = await claim(store, 'used', start + 60, acceptedFrom)
          assertThat(answer === rejected, `a used call was answered with ${String(answer)} after a loss`)
        }
      }
      await refuseOldCalls()
      await prepareAgain()
      await refuseOldCalls()
      const endless = await claim(store, 'used', Number.POSITIVE_INFINITY)
      assertThat(endless === rejected, `a call without an expiry was answered with ${String(endless)} after a loss`)
      const ahead = await claim(store, 'ahead', start + 7200, start + 3600)
      assertThat(ahead === rejected, `a call from the future was answered with ${String(ahead)}`)
      clock.advance(3600)
      const now = clock.now()
      const answer = await answerWhenHealed(() => store.claim('new', now + 60, { acceptedFrom: now - 60 }))
      assertThat(answer === true, `an hour later a new call was answered with ${String(answer)}`)
    },
    'erase',
  ],
]
