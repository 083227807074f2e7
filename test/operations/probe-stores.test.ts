import { describe, expect, it } from 'vitest'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { memoryReplayStore } from '../../src/core/authorization/replay-store.ts'
import { ArgumentError, StoreError } from '../../src/errors.ts'
import { type ProbeStoresOptions, probeStores } from '../../src/operations/probe-stores.ts'
import { followRevocations } from '../../src/revocation-sources/follow-revocations.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { operatedSource } from '../revocation-sources/sources.ts'
import { sqliteFile } from '../stores/open-sqlite.ts'

const secret = new Uint8Array(32).fill(1)

describe('a probe of stores', () => {
  it('OPS-10 finds stores in memory and in SQLite healthy, and changes nothing but the calls', async () => {
    const memory = memoryStores()
    expect(await probeStores(memory)).toMatchObject({
      healthy: true,
      replay: { healthy: true, durationMs: expect.any(Number) },
      revocations: { healthy: true },
      limitStore: { healthy: true },
    })
    expect([memory.replay.size, memory.revocations.size, memory.limitStore.size]).toEqual([1, 0, 0])
    const file = sqliteFile()
    const database = file.open()
    prepareSqliteStores({ database, secret, epoch: 0 })
    const stores = sqliteStores({ database, secret })
    expect(await probeStores(stores)).toMatchObject({ healthy: true })
    file.interrupt(true)
    expect(await probeStores(stores)).toMatchObject({
      healthy: false,
      replay: { healthy: false, failure: 'ERR_STORE' },
      revocations: { healthy: false },
      limitStore: { healthy: false },
    })
    file.interrupt(false)
    expect(await probeStores(stores)).toMatchObject({ healthy: true })
    file.close()
  })

  it.each<[string, ProbeStoresOptions, object]>([
    ['is full', { replay: memoryReplayStore({ maxEntries: 0 }) }, { replay: { failure: 'ERR_STORE_FULL' } }],
    ['hangs', { replay: { claim: () => new Promise(() => undefined) } }, { replay: { failure: 'TimeoutError' } }],
    ['knows the new call', { replay: { claim: () => false } }, { replay: { failure: 'ERR_STORE_ANSWER' } }],
    ['answers with 1', { replay: { claim: () => 1 as never } }, { replay: { failure: 'ERR_STORE_ANSWER' } }],
    [
      'throws another error',
      {
        revocations: {
          findRevocations: () => {
            throw new Error('redis://user:password@host')
          },
        },
      },
      { revocations: { failure: 'ERR_STORE' } },
    ],
    [
      'returns no list',
      { revocations: { findRevocations: () => undefined as never } },
      { revocations: { failure: 'ERR_STORE_ANSWER' } },
    ],
    [
      'has a limit that was used',
      { limitStore: { ...memoryStores().limitStore, remaining: () => [{ remaining: 0 }] } },
      { limitStore: { failure: 'ERR_STORE_ANSWER' } },
    ],
    [
      'knows no age',
      { revocations: { findRevocations: () => [], knowledge: () => undefined } },
      { revocations: { healthy: true, stale: true } },
    ],
  ])('OPS-10 reports a store that %s', async (_, stores, expected) => {
    const health = await probeStores({ ...stores, timeoutMs: 20 })
    expect(health).toMatchObject({ healthy: false, ...expected })
    expect(JSON.stringify(health)).not.toContain('password')
  })

  it('OPS-10 reports the age of a copy of revocations', async () => {
    const source = operatedSource()
    let time = 1_000_000
    const clock = { now: (): number => time }
    const revocations = followRevocations({ source, maxAge: 10, dangerouslyAllowStaleFor: 100, clock })
    source.send({ entries: [], cursor: '1', completeAt: time })
    await revocations.ready()
    expect(await probeStores({ revocations })).toMatchObject({ healthy: true, revocations: { stale: false } })
    time += 50
    const { healthy, revocations: state } = await probeStores({ revocations })
    expect([healthy, state?.healthy, state?.stale]).toEqual([false, true, true])
    expect(state?.ageSeconds).toBeGreaterThanOrEqual(50)
    await revocations.close()
  })

  it('refuses an option that is not a store', async () => {
    await expect(probeStores({ replay: {} as never })).rejects.toThrow(ArgumentError)
    expect(new StoreError('a').code).toBe('ERR_STORE')
  })
})
