/**
 * The conformance suite of memories of processed Security Event Tokens.
 *
 * @module
 */

import type { ProcessedSets } from '../core/revocation/processed-sets.ts'
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

/**
 * Returns the cases that a memory of processed Security Event Tokens has to pass. Register them with any test runner.
 *
 * @param open - opens the memory over empty data, once for each case.
 * @throws ArgumentError when `open` or an option is invalid.
 */
export function processedSetsCases(
  open: OpenStore<ProcessedSets>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  return casesFor('processedSetsCases', cases, open, options)
}

function has(store: ProcessedSets, id: string, expiration: number): Promise<unknown> {
  return answerOf(() => store.has(id, expiration))
}

/** An empty string is a possible id as well. */
const oddIds = ['', ...oddNames]

const cases: readonly CaseOf<ProcessedSets>[] = [
  [
    'RVK-42 knows an id once it was added, through every handle, and no other id',
    async ({ store, another, start }) => {
      const expiration = start + 600
      for (const id of oddIds) {
        const answer = await has(store, id, expiration)
        assertThat(answer === false, `an unknown id was answered with ${String(answer)}`)
        await store.add(id, expiration)
        await store.add(id, expiration)
      }
      for (const handle of [store, await another()]) {
        for (const id of oddIds) {
          const answer = await has(handle, id, expiration)
          assertThat(answer === true, `a known id was answered with ${String(answer)}`)
        }
        assertThat((await has(handle, 'b', expiration)) === false, 'an id was known that was never added')
      }
    },
  ],
  [
    'RVK-42 knows an id until its last second, and takes new ids afterwards',
    async ({ store, prune, clock, start }) => {
      await store.add('short', start + 60)
      clock.advance(60)
      await store.add('next', start + 600)
      await prune()
      assertThat((await has(store, 'short', start + 60)) === true, 'it was forgotten before it expired')
      clock.advance(7200)
      await store.add('later', clock.now() + 600)
      await prune()
      const now = clock.now()
      assertThat((await has(store, 'later', now + 600)) === true, 'a later id is unknown')
      assertThat((await has(store, 'new', now + 600)) === false, 'a new id is known')
    },
  ],
  [
    'RVK-42 keeps an id until the latest time with which it was added',
    async ({ store, prune, clock, start }) => {
      for (const seconds of [60, 7200, 30]) await store.add('twice', start + seconds)
      clock.advance(7000)
      await store.add('other', clock.now() + 600)
      await prune()
      const answer = await has(store, 'twice', start + 7200)
      assertThat(answer === true, `before the latest time it was answered with ${String(answer)}`)
    },
  ],
  [
    'STO-12 does not answer that a forgotten id is unknown when the clock goes back',
    async ({ store, another, prune, clock, start }) => {
      await store.add('old', start + 60)
      clock.advance(7200)
      await store.add('later', clock.now() + 600)
      await prune()
      clock.advance(-7200)
      for (const handle of [store, await another()]) {
        assertThat((await has(handle, 'old', start + 60)) !== false, 'a processed id was answered as unknown')
      }
    },
  ],
  [
    'STO-12 does not answer that a processed id is unknown at any time after its expiry',
    async ({ store, another, prune, clock, start }) => {
      // Each of them ends a second later. A memory forgets those before a time, and rejects those before the same time.
      const ids = Array.from({ length: 400 }, (_, index) => [`ends ${index}`, start + index + 1] as const)
      await Promise.all(ids.map(([id, expiration]) => store.add(id, expiration)))
      const other = await another()
      for (const seconds of [350, 61, 5]) {
        clock.advance(seconds)
        await store.add(`at ${seconds}`, clock.now() + 600)
        await prune()
        for (const handle of [store, other]) {
          const answers = await Promise.all(ids.map(([id, expiration]) => has(handle, id, expiration)))
          assertThat(!answers.includes(false), 'a processed id was answered as unknown')
        }
      }
    },
  ],
  [
    'RVK-42 rejects an id or a time of another type, instead of answering it',
    async ({ store, start }) => {
      const wrong: readonly (readonly unknown[])[] = [
        [undefined, start],
        [1, start],
        ['a', undefined],
        ['a', Number.NaN],
        ['a', '1'],
      ]
      for (const [id, expiration] of wrong) {
        const given = [id as string, expiration as number] as const
        assertThat((await answerOf(() => store.has(...given))) === rejected, 'a wrong question was answered')
        assertThat((await answerOf(() => store.add(...given))) === rejected, 'a wrong id was added')
      }
    },
  ],
  [
    'RVK-43 rejects while the back end is unreachable, and remembers afterwards',
    async ({ store, interrupt, restore, start }) => {
      const expiration = start + 600
      await store.add('before', expiration)
      await interrupt()
      const during = [
        await has(store, 'before', expiration),
        await has(store, 'during', expiration),
        await answerOf(() => store.add('during', expiration)),
      ]
      await restore()
      assertThat(
        during.every((answer) => answer === rejected),
        `while it was unreachable it answered ${during.join()}`,
      )
      const after = await answerWhenHealed(() => store.has('before', expiration))
      assertThat(after === true, `a processed id was answered with ${String(after)} after the interruption`)
    },
    'interrupt',
  ],
  [
    'RVK-12 RVK-43 rejects when its data was erased, until it is prepared again',
    async ({ store, erase, prepareAgain, start }) => {
      await store.add('a', start + 600)
      await erase()
      assertThat((await has(store, 'a', start + 600)) === rejected, 'erased data was answered as unknown')
      await prepareAgain()
      const answer = await answerWhenHealed(() => store.has('a', start + 600))
      // Losing a revocation would be worse than repeating it.
      assertThat(typeof answer === 'boolean', `prepared data was answered with ${String(answer)}`)
    },
    'erase',
  ],
]
