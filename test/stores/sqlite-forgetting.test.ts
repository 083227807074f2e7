import { describe, expect, it } from 'vitest'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import { expectFewEnded, past, pastClock, rateOf, useLimits } from './expired-limits.ts'
import { sqliteFile } from './open-sqlite.ts'

const secret = new Uint8Array(32).fill(7)

describe('pruning of limits in SQLite', () => {
  it('OPS-21 LMT-14 forgets an expired limit with the amounts of its period, a bounded number of rows in each turn', async () => {
    const file = sqliteFile()
    const database = file.open()
    prepareSqliteStores({ database, secret, epoch: 0 })
    const rowsOf = (table: string): number => database.prepare(`SELECT key FROM procura_${table}`).all().length
    const used = await useLimits(sqliteStores({ database: file.open(), secret, clock: pastClock }).limitStore, 900, 450)
    const own = file.open()
    const counts: number[] = [rowsOf('limit_holds') + rowsOf('limits')]
    expect(rowsOf('limit_holds')).toBe(used)
    const watched: SqliteDatabase = {
      prepare: (sql) => own.prepare(sql),
      exec(sql) {
        const answer = own.exec(sql)
        if (sql === 'COMMIT') counts.push(rowsOf('limit_holds') + rowsOf('limits'))
        return answer
      },
    }
    const { limitStore } = sqliteStores({ database: watched, secret })
    await limitStore.prune()
    // The limit that has not expired, and the row with the time.
    expect([rowsOf('limit_holds'), rowsOf('limits')]).toEqual([1, 2])
    const steps = counts.slice(1).map((count, at) => (counts[at] as number) - count)
    expect(Math.max(...steps)).toBeLessThanOrEqual(400)
    await expect(
      sqliteStores({ database: file.open(), secret, clock: pastClock }).limitStore.reserve(
        { reservation: 'late', entries: [rateOf('often')], deadline: past + 60, commit: true },
        {},
      ),
    ).rejects.toThrow('expired before the latest time seen')
    file.close()
  })

  it('OPS-21 LMT-12 ends some of the amounts of a period that is over with a call, and counts none of them', async () => {
    const file = sqliteFile()
    const database = file.open()
    prepareSqliteStores({ database, secret, epoch: 0 })
    await expectFewEnded(
      (clock) => sqliteStores({ database: file.open(), secret, clock }).limitStore,
      async () => database.prepare('SELECT key FROM procura_limit_holds').all().length,
    )
    file.close()
  })

  it('LMT-15 keeps the limits of calls that are not committed, and ends although they are more than a turn forgets', async () => {
    const file = sqliteFile()
    const database = file.open()
    prepareSqliteStores({ database, secret, epoch: 0 })
    const ago = sqliteStores({ database: file.open(), secret, clock: pastClock }).limitStore
    // Calls that take longer than their delegations are valid.
    const deadline = past + 200_000
    await Promise.all(
      Array.from({ length: 300 }, (_, serial) =>
        ago.reserve({ reservation: `${serial}`, entries: [rateOf(`slow ${serial}`)], deadline, commit: false }, {}),
      ),
    )
    await useLimits(ago, 5, 5)
    const { limitStore } = sqliteStores({ database: file.open(), secret })
    await limitStore.prune()
    for (let serial = 0; serial < 300; serial++) expect(await limitStore.commit(`${serial}`, {})).toBe(true)
    await limitStore.prune()
    expect(database.prepare('SELECT key FROM procura_limits').all()).toHaveLength(2)
    file.close()
  })
})

describe('claims of calls in SQLite', () => {
  it('RPL-01 RPL-04 of a call that ends while it is decided about are not made new by the claim that forgets it', async () => {
    const file = sqliteFile()
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    let now = 1_800_000_000
    const { replay } = sqliteStores({ database: file.open(), secret, clockTolerance: 0, clock: { now: () => now } })
    const end = now
    expect(await replay.claim('used', end, {})).toBe(true)
    // Every claim in a row can be the one that forgets others.
    now += 1
    for (let at = 0; at < 100; at++) {
      const answer = await Promise.resolve(replay.claim('used', end, {})).catch((error: Error) => error.message)
      expect([false, 'the invocation expired before the latest time seen']).toContain(answer)
    }
    file.close()
  })
})
