/**
 * The conformance suite of revocation stores that list their entries.
 *
 * @module
 */

import { parseDid } from '../core/did/did.ts'
import type { JournalPage, RevocationJournal } from '../core/revocation/revocation-journal.ts'
import type { RevocationRegistry } from '../core/revocation/revocation-store.ts'
import { never } from '../time.ts'
import {
  answerOf,
  assertThat,
  type CaseOf,
  type ConformanceCase,
  type ConformanceOptions,
  casesFor,
  type OpenStore,
  rejected,
} from './conformance-case.ts'

/** A store with a journal. */
export interface JournaledRevocations extends RevocationRegistry, RevocationJournal {}

/**
 * Returns the cases that a journal has to pass. Register them with any test runner.
 *
 * @param open - opens the store over empty data, once for each case.
 * @throws ArgumentError when `open` or an option is invalid.
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { revocationJournalCases } from 'procura/testing'
 *
 * for (const { name, run } of revocationJournalCases(openRevocationStore)) test(name, run)
 * ```
 */
export function revocationJournalCases(
  open: OpenStore<JournaledRevocations>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  return casesFor('revocationJournalCases', cases, open, options)
}

const alice = parseDid('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')

const cid = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

/** A CID of a delegation, another one for each number. */
function cidNumber(number: number): string {
  const digits = 'abcdefghijklmnopqrstuvwxyz234567'
  const middle = [15, 10, 5, 0].map((shift) => digits[(number >>> shift) & 31]).join('')
  return `${cid.slice(0, 40)}${middle}${cid.slice(44)}`
}

async function list(store: RevocationJournal, after = 0, limit = 1_000): Promise<JournalPage> {
  return store.listRevocations({ after, limit })
}

function idsOf({ entries }: JournalPage): string {
  return entries.map(({ entry }) => entry.ids.join('+')).join(' ')
}

const cases: readonly CaseOf<JournaledRevocations>[] = [
  [
    'RVK-30 lists entries in the order of their addition, with all that they have',
    async ({ store, another, start }) => {
      const token = new Uint8Array([1, 2, 3])
      const empty = await list(store)
      assertThat(empty.head === 0 && empty.entries.length === 0, 'an empty journal has entries')
      await store.add({ ids: [cidNumber(2)], expiration: start + 60, revoker: alice, token })
      await store.add({ ids: [cidNumber(1)], expiration: start + 90 })
      const page = await list(await another())
      assertThat(idsOf(page) === `${cidNumber(2)} ${cidNumber(1)}`, `the order is ${idsOf(page)}`)
      const [first, second] = page.entries
      assertThat(page.head === second?.sequence, 'the head is not the number of the last entry')
      assertThat(/^[0-9a-f.-]{1,80}$/.test(page.journal), 'the name of the journal has other characters')
      const { entry } = first as JournalPage['entries'][0]
      assertThat(entry.revoker === alice && entry.expiration === start + 60, 'an entry lost its revoker or its expiry')
      assertThat(String(entry.token) === '1,2,3', 'an entry lost its token')
      assertThat(page.journal === empty.journal, 'the name of the journal changes with its entries')
      await store.add({ ids: [cidNumber(2)], expiration: start + 60 })
      const three = await list(store)
      assertThat(three.entries.length === 3, 'an entry of another revoker is missing')
      assertThat(three.journal === empty.journal, 'the name of the journal changes')
    },
  ],
  [
    'RVK-30 lists the entries after a number, as many as the limit permits',
    async ({ store, start }) => {
      for (let number = 0; number < 7; number++) await store.add({ ids: [cidNumber(number)], expiration: start + 60 })
      const all = await list(store)
      const [, second] = all.entries
      const part = await list(store, second?.sequence, 3)
      assertThat(idsOf(part) === [2, 3, 4].map(cidNumber).join(' '), `the part is ${idsOf(part)}`)
      assertThat(part.head === all.head, 'the head depends on the part')
      assertThat((await list(store, all.head)).entries.length === 0, 'there is an entry after the head')
      assertThat((await list(store, 0, 0)).entries.length === 0, 'a limit of 0 lists an entry')
    },
  ],
  [
    'RVK-30 gives a new number to an entry that applies longer than before, and to no other',
    async ({ store, another, start }) => {
      await store.add({ ids: [cidNumber(1)], expiration: start + 60 })
      await store.add({ ids: [cidNumber(2)], expiration: start + 60 })
      const before = await list(store)
      const other = await another()
      await other.add({ ids: [cidNumber(1)], expiration: start + 60 })
      await other.add({ ids: [cidNumber(1)], expiration: start + 30 })
      assertThat((await list(store)).head === before.head, 'an addition that changes nothing has a number')
      await other.add({ ids: [cidNumber(1)], expiration: start + 90 })
      const after = await list(store, before.head)
      assertThat(idsOf(after) === cidNumber(1), `after the change it lists ${idsOf(after)}`)
      assertThat(after.entries[0]?.entry.expiration === start + 90, 'the entry has the earlier expiry')
      assertThat((await list(store)).entries.length === 2, 'an entry is in the journal twice')
      await store.add({ ids: [cidNumber(1)], expiration: start + 90 })
      assertThat((await list(store)).head === after.head, 'the later expiry has a number twice')
      await store.add({ ids: [cidNumber(2)], expiration: never })
      const last = await list(store, after.head)
      assertThat(last.entries[0]?.entry.expiration === never, 'an entry that never expires has another expiry')
      for (const expiration of [never, start + 90] as const) await other.add({ ids: [cidNumber(2)], expiration })
      assertThat((await list(store)).head === last.head, 'an entry that never expires has a number twice')
    },
  ],
  [
    'RVK-30 hides no entry from a reader that follows while many are added at once through two handles',
    async ({ store, another, start }) => {
      const other = await another()
      let adding = true
      const added = Promise.all(
        Array.from({ length: 120 }, (_, number) =>
          (number % 2 === 0 ? store : other).add({ ids: [cidNumber(number)], expiration: start + 60 }),
        ),
      ).finally(() => {
        adding = false
      })
      const seen = new Set<string>()
      let place = 0
      for (let last = false; !last; ) {
        // A store may need a turn of the event loop, and may answer a look-up without one.
        await new Promise((resolve) => setTimeout(resolve, 1))
        last = !adding
        const page = await list(other, place, 50)
        for (const { entry, sequence } of page.entries) {
          assertThat(sequence > place, 'a number is not larger than the one before')
          seen.add(entry.ids[0] as string)
          place = sequence
        }
        if (page.entries.length > 0) last = false
      }
      await added
      assertThat(seen.size === 120, `the reader saw ${seen.size} of 120 entries`)
    },
  ],
  [
    'RVK-30 keeps its head when it forgets entries, and gives no number again',
    async ({ store, prune, clock, start }) => {
      await store.add({ ids: [cidNumber(1)], expiration: start + 86_400 })
      for (const number of [2, 3]) await store.add({ ids: [cidNumber(number)], expiration: start + 60 })
      const before = await list(store)
      clock.advance(3600)
      await prune()
      const pruned = await list(store)
      assertThat(pruned.head === before.head, 'the head changed')
      assertThat(pruned.entries[0]?.entry.ids[0] === cidNumber(1), 'an entry that applies was forgotten')
      await store.add({ ids: [cidNumber(2)], expiration: clock.now() + 60 })
      const after = await list(store, before.head)
      assertThat(idsOf(after) === cidNumber(2), `after the addition it lists ${idsOf(after)}`)
      assertThat(after.head > before.head, 'a number was given again')
    },
  ],
  [
    'RVK-30 refuses a place or a limit that is not a number',
    async ({ store }) => {
      for (const wrong of [{ after: -1, limit: 1 }, { after: 0, limit: 0.5 }, { after: '0', limit: 1 }, {}]) {
        const answer = await answerOf(() => store.listRevocations(wrong as never))
        assertThat(answer === rejected, `${JSON.stringify(wrong)} was answered`)
      }
    },
  ],
  [
    'RVK-30 rejects while the back end is unreachable, instead of listing nothing',
    async ({ store, interrupt, restore, start }) => {
      await store.add({ ids: [cidNumber(1)], expiration: start + 60 })
      await interrupt()
      const during = await answerOf(() => list(store))
      await restore()
      assertThat(during === rejected, 'it was answered while it was unreachable')
    },
    'interrupt',
  ],
  [
    'RVK-30 is another journal after its data was erased and prepared again',
    async ({ store, erase, prepareAgain, start }) => {
      await store.add({ ids: [cidNumber(1)], expiration: start + 60 })
      const before = await list(store)
      await erase()
      assertThat((await answerOf(() => list(store))) === rejected, 'it was answered after the loss')
      await prepareAgain()
      assertThat((await list(store)).journal !== before.journal, 'it has the name of the lost journal')
    },
    'erase',
  ],
]
