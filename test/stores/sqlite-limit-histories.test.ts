import { expect, it } from 'vitest'
import type { LimitEntry } from '../../src/core/authorization/limits/limit-store.ts'
import { memoryLimitStore } from '../../src/core/authorization/limits/memory-limit-store.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { chainKey } from '../core/authorization/limits/chain-keys.ts'
import { sqliteFile } from './open-sqlite.ts'

const secret = new Uint8Array(32).fill(7)

it('LMT-10 LMT-14 the limits in SQLite and in memory agree while they expire and are pruned, up to the largest amounts', async () => {
  let now = 1_800_000_000
  const clock = { now: () => now }
  const file = sqliteFile()
  prepareSqliteStores({ database: file.open(), secret, epoch: 0, clock })
  const shared = [0, 1].map(() => sqliteStores({ database: file.open(), secret, clock }).limitStore)
  const memory = memoryLimitStore({ clock })
  let state = 1
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const kinds = ['total', 'total', 'total', 'rate', 'concurrent'] as const
  const newLimit = (serial: number): LimitEntry => ({
    key: chainKey(`limit ${serial}`, serial % 256),
    kind: kinds[random(kinds.length)] as LimitEntry['kind'],
    maximum: random(4) === 0 ? 999_999_999_999_999 - random(3) : 1 + random(9),
    amount: 1,
    window: 1 + random(60),
    expiration: random(5) === 0 ? Number.POSITIVE_INFINITY : now + random(2_000),
  })
  const limits = Array.from({ length: 8 }, (_, serial) => newLimit(serial))
  const names: string[] = []
  for (let step = 0; step < 300; step++) {
    const when = `step ${step}`
    const store = shared[random(2)] as (typeof shared)[number]
    if (random(8) === 0) limits[random(limits.length)] = newLimit(8 + step)
    const entries = limits
      .filter(({ expiration }) => expiration >= now && random(3) === 0)
      // The tolerances of services differ.
      .map((one) => {
        const amount = one.kind === 'total' ? random(Math.min(one.maximum, 5e14)) : 1
        return { ...one, expiration: one.expiration + random(3), amount }
      })
    const choice = random(9)
    const name = names[random(names.length)]
    if (choice < 4 && entries.length > 0) {
      const [reservation, commit] = [`${step}`, random(2) === 0]
      const task = random(3) === 0 ? { task: `task ${random(4)}` } : {}
      const request = { reservation, entries, deadline: now + 1 + random(400), commit, ...task }
      expect(await store.reserve(request, {}), when).toEqual(memory.reserve(request, {}))
      names.push(reservation)
    } else if (choice < 6 && name !== undefined) {
      for (const one of [store, memory]) await (choice === 4 ? one.commit(name, {}) : one.release(name, {}))
    } else if (random(10) === 0) await Promise.all(shared.map((one) => one.prune()))
    else now += random(random(5) === 0 ? 300 : 10)
    const counting = limits.filter(({ expiration }) => expiration >= now)
    expect(await store.remaining(counting, {}), when).toEqual(memory.remaining(counting, {}))
  }
  file.close()
})
