import { afterAll, describe, expect, it } from 'vitest'
import { memoryStores } from '../../src/core/authorization/memory-stores.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import type { Clock } from '../../src/time.ts'
import { clockService, playClockHistories } from '../stores/clock-history.ts'
import { sqliteFile } from '../stores/open-sqlite.ts'
import { shortRuns } from './runs.ts'

const tolerances = [0, 60, 300, 300] as const
const secret = new Uint8Array(32).fill(7)
const file = sqliteFile()
/** Milliseconds: the histories are many, and the machine may be busy. */
const timeout = 120_000
afterAll(() => file.close())

describe('services whose clocks jump, with clock tolerances of 0, 60 and 300 seconds', () => {
  const { numRuns, seed, title } = shortRuns(100, 10)

  it(`RPL-04 RPL-07 LMT-14 allow no call twice and no use beyond a limit in memory (${title})`, {
    timeout,
  }, async () => {
    let present = 0
    // The store has one clock: that of the service which asks.
    const stores = memoryStores({ clock: { now: () => present } })
    const open = (own: Clock) => {
      const asking =
        <Values extends readonly unknown[], Answer>(ask: (...values: Values) => Answer) =>
        (...values: Values): Answer => {
          present = own.now()
          return ask(...values)
        }
      const { replay, revocations, limitStore } = stores
      return {
        replay: { claim: asking(replay.claim) },
        revocations: {
          add: asking(revocations.add),
          findRevocations: asking(revocations.findRevocations),
        },
        limitStore: {
          reserve: asking(limitStore.reserve),
          commit: asking(limitStore.commit),
          release: asking(limitStore.release),
          remaining: asking(limitStore.remaining),
        },
      }
    }
    const services = await Promise.all(tolerances.map((tolerance) => clockService(open, tolerance)))
    expect(await playClockHistories(services, 3 * numRuns, seed)).toMatchObject({ calls: expect.any(Number) })
  })

  it.each([true, false])(
    `RPL-04 RPL-07 LMT-14 nor in SQLite, asked together: %s (${title})`,
    { timeout },
    async (together) => {
      const prefix = `clocks_${together}`
      prepareSqliteStores({ database: file.open(), secret, epoch: 0, prefix })
      const open = (clock: Clock) => {
        const settings = { database: file.open(), secret, clock, prefix, clockTolerance: 300 }
        const { callStore, ...stores } = sqliteStores(settings)
        return together ? { ...stores, callStore } : stores
      }
      const services = await Promise.all(tolerances.map((tolerance) => clockService(open, tolerance)))
      expect(await playClockHistories(services, numRuns, seed)).toMatchObject({ calls: expect.any(Number) })
    },
  )
})
