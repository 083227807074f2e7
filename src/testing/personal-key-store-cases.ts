/**
 * The conformance suite of stores for the keys of personal data.
 *
 * @module
 */

import type { PersonalKeyStore } from '../audit/privacy/personal-key-store.ts'
import type { WebCryptoKey } from '../support/web-crypto-key.ts'
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

/** A key store that can destroy keys. */
export interface DestroyingKeyStore extends PersonalKeyStore {
  destroy(name: string): void | Promise<void>
}

/**
 * Returns the cases that a store for the keys of personal data has to pass. Register them with any test runner.
 *
 * @param open - opens the store over empty data, once for each case.
 * @throws ArgumentError when `open` or an option is invalid.
 */
export function personalKeyStoreCases(
  open: OpenStore<DestroyingKeyStore>,
  options: ConformanceOptions = {},
): readonly ConformanceCase[] {
  return casesFor('personalKeyStoreCases', cases, open, options)
}

const iv = new Uint8Array(12)

/** Whether two keys are the same, without reading them. */
async function same(one: WebCryptoKey, other: WebCryptoKey): Promise<boolean> {
  const plain = new TextEncoder().encode('text')
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, one, plain)
  return crypto.subtle.decrypt({ name: 'AES-GCM', iv }, other, sealed).then(
    () => true,
    () => false,
  )
}

const cases: readonly CaseOf<DestroyingKeyStore>[] = [
  [
    'PRV-04 gives one key for one name through every handle, also when both ask at once',
    async ({ store, another }) => {
      const other = await another()
      const keys = await Promise.all([0, 1, 2, 3].map((index) => (index % 2 ? other : store).obtain('alice', {})))
      keys.push((await other.find('alice', {})) as WebCryptoKey, await (await another()).obtain('alice', {}))
      for (const key of keys) {
        assertThat(await same(keys[0] as WebCryptoKey, key), 'two handles have different keys for one name')
      }
    },
  ],
  [
    'PRV-04 gives another key for another name, and no key for an unknown one',
    async ({ store }) => {
      const [alice, bob] = [await store.obtain('alice', {}), await store.obtain('bob', {})]
      assertThat(!(await same(alice, bob)), 'two names have one key')
      assertThat((await store.find('carol', {})) === undefined, 'an unknown name has a key')
    },
  ],
  [
    'PRV-04 destroys a key finally, for every handle',
    async ({ store, another }) => {
      const other = await another()
      await store.obtain('alice', {})
      await other.obtain('alice', {})
      await store.destroy('alice')
      for (const handle of [store, other, await another()]) {
        assertThat((await handle.find('alice', {})) === undefined, 'a destroyed key was found')
        const again = await answerOf(() => handle.obtain('alice', {}))
        assertThat(again === rejected, 'a key was created again after it was destroyed')
      }
      await store.destroy('alice')
      await store.obtain('bob', {})
    },
  ],
  [
    'PRV-04 destroys a key that does not exist yet',
    async ({ store }) => {
      await store.destroy('alice')
      assertThat((await answerOf(() => store.obtain('alice', {}))) === rejected, 'a key was created')
    },
  ],
  [
    'PRV-04 rejects while the back end is unreachable, instead of finding nothing',
    async ({ store, interrupt, restore }) => {
      const before = await store.obtain('alice', {})
      await interrupt()
      const answers = await Promise.all([
        answerOf(() => store.find('carol', {})),
        answerOf(() => store.obtain('carol', {})),
        answerOf(() => store.destroy('bob')),
      ])
      await restore()
      assertThat(
        answers.every((answer) => answer === rejected),
        'it answered while it was unreachable',
      )
      const after = (await answerWhenHealed(() => store.obtain('alice', {}))) as WebCryptoKey
      assertThat(await same(before, after), 'the key changed in the interruption')
    },
    'interrupt',
  ],
]
