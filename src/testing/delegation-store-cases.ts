/**
 * The conformance suite of delegation stores.
 *
 * @module
 */

import { backend } from '#backend'
import { cidOf } from '../core/ipld/cid.ts'
import type { DelegationStore } from '../core/proof/delegation-store.ts'
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
 * Returns the cases that a store of the delegations of an agent has to pass. Register them with any test runner.
 *
 * @param open - opens the store over empty data, once for each case.
 * @throws ArgumentError when `open` or an option is invalid.
 * @example
 * ```ts
 * import { test } from 'node:test'
 * import { delegationStoreCases } from 'procura/testing'
 *
 * for (const { name, run } of delegationStoreCases(openDelegationStore)) test(name, run)
 * ```
 */
export function delegationStoreCases(
  open: OpenStore<DelegationStore>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  return casesFor('delegationStoreCases', cases, open, options)
}

/** A token: some bytes, by their CID. */
async function token(seed: number): Promise<readonly [string, Uint8Array]> {
  const bytes = new Uint8Array(100 + seed).fill(seed)
  return [String(cidOf(await backend.sha256(bytes))), bytes]
}

async function tokens(count: number): Promise<ReadonlyMap<string, Uint8Array>> {
  return new Map(await Promise.all(Array.from({ length: count }, (_, seed) => token(seed))))
}

async function stored(store: DelegationStore): Promise<readonly string[]> {
  const loaded = await store.load({})
  assertThat(Array.isArray(loaded), '`load` returned no list')
  const names = loaded.map(async (bytes) => String(cidOf(await backend.sha256(bytes))))
  return (await Promise.all(names)).sort()
}

async function assertStored(store: DelegationStore, expected: Iterable<string>, message: string): Promise<void> {
  assertThat((await stored(store)).join() === [...expected].sort().join(), message)
}

const cases: readonly CaseOf<DelegationStore>[] = [
  [
    'AGT-17 starts empty, and then has the added delegations, for every handle',
    async ({ store, another }) => {
      await assertStored(store, [], 'a new store has delegations')
      const add = await tokens(3)
      await store.change({ add, remove: [] }, {})
      await assertStored(store, add.keys(), 'the delegations differ from those that were added')
      await assertStored(await another(), add.keys(), 'another handle has other delegations')
      await store.change({ add, remove: [] }, {})
      await assertStored(store, add.keys(), 'a delegation that was added twice is stored twice')
    },
  ],
  [
    'AGT-17 removes delegations, and ignores unknown CIDs',
    async ({ store, another }) => {
      const add = await tokens(3)
      const [first = '', second = '', third = ''] = add.keys()
      const [unknown] = await token(200)
      await store.change({ add, remove: [] }, {})
      await store.change({ add: new Map(), remove: [second, unknown] }, {})
      await assertStored(store, [first, third], 'a delegation other than the removed one is missing')
      await (await another()).change({ add: new Map(), remove: [first, third] }, {})
      await assertStored(store, [], 'a removed delegation is still stored')
    },
  ],
  [
    'AGT-17 removes first and then adds, in one change',
    async ({ store }) => {
      const add = await tokens(2)
      const [first = ''] = add.keys()
      await store.change({ add, remove: [first] }, {})
      await assertStored(store, add.keys(), 'a delegation that was removed and added is missing')
    },
  ],
  [
    'AGT-17 keeps the changes of handles that write at the same time',
    async ({ store, another }) => {
      const other = await another()
      const all = [...(await tokens(20))]
      await Promise.all(
        all.map(([cid, bytes], index) =>
          (index % 2 === 0 ? store : other).change({ add: new Map([[cid, bytes]]), remove: [] }, {}),
        ),
      )
      await assertStored(
        store,
        all.map(([cid]) => cid),
        'a change is lost',
      )
    },
  ],
  [
    'AGT-17 keeps copies',
    async ({ store }) => {
      const [cid, bytes] = await token(7)
      const add = new Map([[cid, bytes]])
      const remove: string[] = []
      const change = store.change({ add, remove }, {})
      bytes.fill(0)
      add.clear()
      remove.push(cid)
      await change
      await assertStored(store, [cid], 'the store depends on objects that the caller changes')
      for (const loaded of await store.load({})) loaded.fill(1)
      await assertStored(store, [cid], 'the store depends on the bytes that it returned')
    },
  ],
  [
    'AGT-17 rejects while the back end is unreachable, instead of having nothing',
    async ({ store, interrupt, restore }) => {
      const add = await tokens(2)
      await store.change({ add, remove: [] }, {})
      await interrupt()
      const answers = await Promise.all([
        answerOf(() => store.load({})),
        answerOf(() => store.change({ add: new Map(), remove: [...add.keys()] }, {})),
      ])
      await restore()
      assertThat(
        answers.every((answer) => answer === rejected),
        'it answered while it was unreachable',
      )
      const after = await answerWhenHealed(() => stored(store))
      assertThat(String(after) === [...add.keys()].sort().join(), 'the delegations changed in the interruption')
    },
    'interrupt',
  ],
]
