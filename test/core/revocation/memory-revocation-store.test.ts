import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { cidTextOfKey, digestKey } from '../../../src/core/ipld/cid.ts'
import { memoryRevocationStore } from '../../../src/core/revocation/memory-revocation-store.ts'
import { StoreFullError } from '../../../src/errors.ts'
import { never } from '../../../src/time.ts'
import { actor } from '../../support/actors.ts'

const [owner, delegate] = [await actor('owner'), await actor('delegate')]
const cidOf = (text: string): string => cidTextOfKey(digestKey(createHash('sha256').update(text).digest()))

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
    expect(store.findRevocations([cidOf('0'), cidOf('19'), cidOf('20'), owner.did, delegate.did], {})).toHaveLength(2)
  })
})
