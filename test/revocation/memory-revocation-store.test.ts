import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { StoreFullError } from '../../src/errors.ts'
import { cidTextOfKey, digestKey } from '../../src/ipld/cid.ts'
import { type MemoryRevocationStore, memoryRevocationStore } from '../../src/revocation/memory-revocation-store.ts'
import { never } from '../../src/time.ts'
import { actor } from '../support/actors.ts'

const [owner, delegate] = [await actor('owner'), await actor('delegate')]
const cidOf = (text: string): string => cidTextOfKey(digestKey(createHash('sha256').update(text).digest()))

afterEach(() => void vi.restoreAllMocks())

/** The share of names that are not revoked for which a look-up asks the map of revocations. */
function askedShare(store: MemoryRevocationStore): number {
  const strangers = Array.from({ length: 1_000 }, (_, at) => cidOf(`stranger ${at}`))
  const get = vi.spyOn(Map.prototype, 'get')
  expect(store.findRevocations(strangers, {})).toEqual([])
  const asked = new Set(get.mock.calls.map(([name]) => name))
  get.mockRestore()
  return strangers.filter((name) => asked.has(name)).length / strangers.length
}

describe('a store of revocations in memory', () => {
  it('RVK-07 keeps a tenth of its places for owners, and takes what it has from anybody when it is full', () => {
    const store = memoryRevocationStore({ maxEntries: 20 })
    const entry = (at: number, revoker = owner) => ({
      ids: [cidOf(`${at}`)],
      revoker: revoker.did,
      expiration: never as typeof never,
    })
    for (let at = 0; at < 18; at++) void store.add(entry(at, delegate), { byDelegate: true })
    expect(() => store.add(entry(18, delegate), { byDelegate: true })).toThrow(StoreFullError)
    for (let at = 18; at < 20; at++) void store.add(entry(at))
    expect(() => store.add(entry(20))).toThrow(StoreFullError)
    expect(() => store.add({ ids: [cidOf('20')], expiration: never })).toThrow(StoreFullError)
    void store.add(entry(0, delegate), { byDelegate: true })
    void store.add(entry(19))
    expect(store.size).toBe(20)
    expect(store.findRevocations([cidOf('0'), cidOf('19'), cidOf('20')], {})).toHaveLength(2)
  })

  it('recognizes most names that are not revoked without its map, also after all revocations were replaced', () => {
    let now = 1_800_000_000
    const store = memoryRevocationStore({ maxEntries: 2_048, keepFor: 0, clock: { now: () => now } })
    for (let at = 0; at < 2_048; at++) void store.add({ ids: [cidOf(`${at}`)], expiration: now })
    expect(askedShare(store)).toBeLessThan(0.1)
    for (let at = 2_048; at < 14_336; at++) {
      if (at % 512 === 0) now += 512
      void store.add({ ids: [cidOf(`${at}`)], expiration: now + 2_047 })
    }
    expect(store.size).toBeLessThanOrEqual(2_048)
    now += 1
    expect(askedShare(store)).toBeLessThan(0.2)
    const latest = Array.from({ length: 1_500 }, (_, at) => cidOf(`${14_335 - at}`))
    expect(store.findRevocations(latest, {})).toHaveLength(1_500)
  })
})
