import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import { pruneRegularly } from '../../src/operations/prune-regularly.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { sqliteFile } from '../stores/open-sqlite.ts'
import { until } from '../support/until.ts'

const secret = new Uint8Array(32).fill(1)

describe('regular pruning', () => {
  it('OPS-20 prunes each store again and again, also after failures, and never two at a time', async () => {
    const log: string[] = []
    const errors: unknown[] = []
    let active = 0
    const store = (name: string, failure?: unknown) => ({
      async prune() {
        active += 1
        expect(active).toBe(1)
        log.push(name)
        await new Promise((resolve) => setTimeout(resolve, 1))
        active -= 1
        if (failure !== undefined) throw failure
      },
    })
    const pruning = pruneRegularly({
      stores: [store('a', new Error('down')), store('b')],
      intervalMs: 1,
      onError: (error) => {
        errors.push(error)
        throw new Error('ignored')
      },
    })
    await until(() => log.length >= 6)
    await pruning.close()
    const { length } = log
    expect(log.slice(0, 6)).toEqual(['a', 'b', 'a', 'b', 'a', 'b'])
    expect(errors.length).toBeGreaterThanOrEqual(3)
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(log).toHaveLength(length)
  })

  it('OPS-20 ends the round that is under way', async () => {
    let asked = false
    const pruning = pruneRegularly({
      stores: [
        {
          prune: ({ signal }) =>
            new Promise((_, reject) => {
              asked = true
              signal.addEventListener('abort', () => reject(signal.reason))
            }),
        },
        { prune: () => Promise.reject(new Error('not reached')) },
      ],
      intervalMs: 1,
      onError: (error) => {
        throw error
      },
    })
    await until(() => asked)
    await pruning.close()
  })

  it('OPS-21 forgets a bounded number at a time: the event loop turns, and calls are claimed meanwhile', async () => {
    const file = sqliteFile()
    const database = file.open()
    let time = 1_000_000
    const clock = { now: (): number => time }
    prepareSqliteStores({ database, secret, epoch: 0, clock })
    const { replay } = sqliteStores({ database, secret, clock })
    const batches = 20
    database.exec(
      `INSERT INTO procura_calls WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${batches * 500})
       SELECT randomblob(16), ${time} FROM n`,
    )
    time += 10_000
    let turns = 0
    let isPruned = false
    const turn = (): void => {
      turns += 1
      if (!isPruned) setImmediate(turn)
    }
    setImmediate(turn)
    const pruned = replay.prune().then(() => {
      isPruned = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    const before = isPruned
    expect(await replay.claim('a'.repeat(43), time + 60, {})).toBe(true)
    expect([before, isPruned]).toEqual([false, false])
    await pruned
    expect(turns).toBeGreaterThanOrEqual(batches)
    file.close()
  })

  it('refuses an empty list, and a store that cannot be pruned', () => {
    expect(() => pruneRegularly({ stores: [] })).toThrow(ArgumentError)
    expect(() => pruneRegularly({ stores: [{} as never] })).toThrow(ArgumentError)
  })
})
