/**
 * The conformance suite of revocation stores.
 *
 * @module
 */

import { type Did, parseDid } from '../core/did/did.ts'
import type { JournalPage, RevocationJournal } from '../core/revocation/revocation-journal.ts'
import type { RevocationEntry, RevocationRegistry } from '../core/revocation/revocation-store.ts'
import { never } from '../time.ts'
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

/**
 * Returns the cases that a revocation store has to pass. Register them with any test runner.
 *
 * @param open - opens the store over empty data, once for each case.
 * @throws ArgumentError when `open` or an option is invalid.
 */
export function revocationStoreCases(
  open: OpenStore<RevocationRegistry>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  return casesFor('revocationStoreCases', cases, open, options)
}

/** The CID of a delegation in lower-case base32, base58 and upper-case base32. */
const spellings = [
  'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy',
  'zdpuAysRe9YjQ5KKvtND37UnDuMMsjE76upPmxhKpnb9NjPbb',
  'BAFYREIGH2AKISCAILDCQABSYG3DFR6CHU3FGPREGIYMSCK7E7AQA4S52ZY',
] as const
const [delegation] = spellings
const [owner, agent, stranger] = [
  'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK',
  'did:key:z6Mkf5rGMoatrSj1f4CyvuHBeXJELe9RPdzo2PKGNCKVtZxP',
  'did:web:stranger.example',
].map((text) => parseDid(text)) as [Did, Did, Did]

const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** The CIDs of delegations that do not exist: the last letter of a CID keeps two bits free. */
function cidNumber(number: number): string {
  const letters = [number >> 10, number >> 5, number].map((bits) => base32[bits & 31]).join('')
  return `${delegation.slice(0, 30)}${letters}${delegation.slice(33)}`
}

/** Looks up and returns `id` or `id by revoker` of each record, in order of the alphabet, or `rejected`. */
async function find(store: RevocationRegistry, ids: readonly string[]): Promise<string> {
  const answer = await answerOf(() => store.findRevocations(ids, {}))
  if (!Array.isArray(answer)) return answer === rejected ? rejected : `an answer of the type ${typeof answer}`
  const records = answer as readonly { readonly id: string; readonly revoker?: Did }[]
  return records
    .map(({ id, revoker }) => (revoker === undefined ? id : `${id} by ${revoker}`))
    .sort()
    .join(', ')
}

function assertFound(found: string, wanted: string, when: string): void {
  assertThat(found === wanted, `${when} it found ${found || 'nothing'}; it must find ${wanted || 'nothing'}`)
}

const cases: readonly CaseOf<RevocationRegistry>[] = [
  [
    'RVK-05 finds nothing in an empty store, and nothing for an empty query',
    async ({ store, start }) => {
      assertFound(await find(store, [delegation, owner]), '', 'while empty')
      await store.add({ ids: [delegation], expiration: start + 60 })
      assertFound(await find(store, []), '', 'for an empty query')
      assertFound(await find(store, [cidNumber(1), agent]), '', 'for other ids')
    },
  ],
  [
    'RVK-03 finds a revocation with its revoker, and one by the operator without',
    async ({ store, start }) => {
      await store.add({ ids: [delegation], revoker: owner, expiration: start + 60 })
      assertFound(await find(store, [delegation, owner]), `${delegation} by ${owner}`, 'with a revoker')
      await store.add({ ids: [delegation], expiration: start + 60 })
      const both = `${delegation}, ${delegation} by ${owner}`
      assertFound(await find(store, [delegation, owner]), both, 'with the operator as well')
    },
  ],
  [
    'RVK-03 keeps the revocations of one delegation by two principals apart',
    async ({ store, start }) => {
      for (const revoker of [owner, agent, owner]) {
        await store.add({ ids: [delegation], revoker, expiration: start + 60 })
      }
      const wanted = [`${delegation} by ${owner}`, `${delegation} by ${agent}`].sort().join(', ')
      assertFound(await find(store, [delegation, owner, agent]), wanted, 'with two revokers')
    },
  ],
  [
    'RVK-11 leaves out the revocations of a delegation by principals that are not in the query',
    async ({ store, start }) => {
      const others = Array.from({ length: 300 }, (_, at) => parseDid(`did:web:s${at}.example`))
      for (const revoker of [...others, agent]) await store.add({ ids: [delegation], revoker, expiration: start + 60 })
      assertFound(await find(store, [delegation, owner]), '', 'with other revokers alone')
      const atOnce = await Promise.all(
        [
          [delegation, owner],
          [delegation, owner, agent],
        ].map((ids) => find(store, ids)),
      )
      assertFound(atOnce.join(';'), `;${delegation} by ${agent}`, 'for two queries at once')
      await store.add({ ids: [delegation], expiration: start + 60 })
      assertFound(await find(store, [delegation]), delegation, 'without a principal in the query')
      await store.add({ ids: [agent], revoker: stranger, expiration: start + 60 })
      assertThat((await find(store, [delegation, agent])).includes(agent), 'it left out the revocation of a principal')
    },
  ],
  [
    'RVK-05 finds a revoked principal',
    async ({ store, start }) => {
      await store.add({ ids: [agent, stranger], expiration: start + 60 })
      assertFound(await find(store, [delegation, owner, agent]), agent, 'for one of them')
      assertFound(await find(store, [stranger]), stranger, 'for the other')
    },
  ],
  [
    'RVK-04 finds each CID of an entry that names several',
    async ({ store, start }) => {
      await store.add({ ids: [cidNumber(1), cidNumber(2)], revoker: owner, expiration: start + 60 })
      for (const id of [cidNumber(1), cidNumber(2)]) {
        assertFound(await find(store, [id, owner]), `${id} by ${owner}`, 'for each CID')
      }
    },
  ],
  [
    'RVK-10 finds a delegation that was added in another spelling, or rejects the entry',
    async ({ store, start }) => {
      for (const id of spellings.slice(1)) {
        const added = await answerOf(() => store.add({ ids: [id], expiration: start + 60 }))
        const found = await find(store, [delegation])
        assertThat(added === rejected || found === delegation, `it took ${id} and found ${found || 'nothing'}`)
      }
    },
  ],
  [
    'RVK-10 rejects an entry that could not have an effect',
    async ({ store, start }) => {
      const expiration = start + 60
      const wrong: readonly unknown[] = [
        undefined,
        {},
        { ids: [], expiration },
        { ids: [''], expiration },
        { ids: ['a name'], expiration },
        { ids: delegation, expiration },
        { ids: [delegation] },
        { ids: [delegation], expiration: Number.NaN },
        { ids: [delegation], revoker: 'somebody', expiration },
        { ids: [delegation, 'a name'], expiration },
      ]
      for (const [index, entry] of wrong.entries()) {
        const answer = await answerOf(() => store.add(entry as RevocationEntry))
        assertThat(answer === rejected, `entry ${index + 1} of ${wrong.length} was accepted`)
      }
      assertFound(await find(store, [delegation]), '', 'after rejected entries')
    },
  ],
  [
    'RVK-07 keeps a revocation until the latest of its expirations and 300 seconds longer',
    async ({ store, prune, clock, start }) => {
      for (const expiration of [start + 60, start + 600, start + 30]) {
        await store.add({ ids: [delegation], expiration })
      }
      clock.advance(600 + 299)
      await prune()
      assertFound(await find(store, [delegation]), delegation, 'within 300 seconds after its expiry')
    },
  ],
  [
    'RVK-07 keeps a revocation that never expires',
    async ({ store, prune, clock, start }) => {
      await store.add({ ids: [delegation], expiration: never })
      await store.add({ ids: [delegation], expiration: start })
      clock.advance(10 * 365 * 86_400)
      await prune()
      assertFound(await find(store, [delegation]), delegation, 'after ten years')
    },
  ],
  [
    'RVK-13 does not forget a revocation that applies when the clock goes ahead and back',
    async ({ store, another, prune, clock, start }) => {
      await store.add({ ids: [delegation], expiration: start + 3600 })
      clock.advance(86_400)
      await find(store, [delegation])
      await prune()
      clock.advance(-86_400)
      for (const handle of [store, await another()]) {
        const found = await find(handle, [delegation])
        assertThat(found === rejected || found === delegation, 'a revoked delegation was not found')
      }
      clock.advance(2 * 86_400)
      assertThat((await find(store, [agent])) === '', 'it rejected a look-up when the clock was right again')
    },
  ],
  [
    'RVK-13 lists no journal without a forgotten revocation to a copy that begins with a clock far behind',
    async ({ store, another, prune, clock, start }) => {
      await store.add({ ids: [delegation], expiration: start + 3600 })
      clock.advance(86_400)
      await find(store, [delegation])
      await prune()
      clock.advance(-86_400)
      for (const handle of [store, await another()]) {
        const journal = handle as RevocationRegistry & Partial<RevocationJournal>
        if (journal.listRevocations === undefined) continue
        const answer = await answerOf(() => journal.listRevocations?.({ after: 0, limit: 10 }))
        const { entries = [] } = Object(answer) as Partial<JournalPage>
        const isListed = entries.some(({ entry }) => entry.ids.includes(delegation))
        assertThat(answer === rejected || isListed, 'a copy would be complete without a revocation that applies')
      }
    },
  ],
  [
    'RVK-05 finds an addition of another handle as soon as it has resolved',
    async ({ store, another, start }) => {
      const other = await another()
      assertFound(await find(other, [delegation]), '', 'before')
      await store.add({ ids: [delegation], expiration: start + 60 })
      assertFound(await find(other, [delegation]), delegation, 'through another handle')
    },
  ],
  [
    'RVK-05 loses nothing when many revocations arrive at once through two handles',
    async ({ store, another, start }) => {
      const other = await another()
      const ids = Array.from({ length: 300 }, (_, index) => cidNumber(index))
      await Promise.all(
        ids.map(async (id, index) => (index % 2 === 0 ? store : other).add({ ids: [id], expiration: start + 60 })),
      )
      assertFound(await find(store, ids), [...ids].sort().join(', '), 'of 300')
      for (const id of ids.slice(0, 20)) assertFound(await find(other, [id, owner]), id, 'one by one')
      const atOnce = await Promise.all(ids.map((id) => find(other, [id])))
      for (const [place, id] of ids.entries()) assertFound(atOnce[place] ?? '', id, 'with look-ups at once')
    },
  ],
  [
    'RVK-06 rejects look-ups and additions while the back end is unreachable',
    async ({ store, interrupt, restore, start }) => {
      await store.add({ ids: [delegation], expiration: start + 60 })
      await interrupt()
      const found = await find(store, [delegation])
      const added = await answerOf(() => store.add({ ids: [agent], expiration: start + 60 }))
      await restore()
      assertFound(found, rejected, 'while it was unreachable')
      assertThat(added === rejected, 'an addition resolved while it was unreachable')
      const healed = await answerWhenHealed(() => store.findRevocations([delegation], {}))
      assertThat(Array.isArray(healed) && healed.length === 1, 'the revocation was lost in the interruption')
    },
    'interrupt',
  ],
  [
    'RVK-12 rejects look-ups after its data was erased',
    async ({ store, erase, start }) => {
      await store.add({ ids: [delegation], expiration: start + 60 })
      await erase()
      assertFound(await find(store, [delegation]), rejected, 'after the loss')
    },
    'erase',
  ],
]
