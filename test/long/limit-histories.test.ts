import { Redis } from 'ioredis'
import sqlite from 'node-sqlite3-wasm'
import { Pool } from 'pg'
import { describe, expect, it } from 'vitest'
import type { LimitStore } from '../../src/core/authorization/limits/limit-store.ts'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/stores/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/stores/postgres/schema.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import { compareHistory } from '../../src/testing/limit-history.ts'
import { service as postgres } from '../services/postgres.service.ts'
import { postgresServer } from '../services/postgres-server.ts'
import { service as redis } from '../services/redis.service.ts'
import { redisServer } from '../services/redis-server.ts'
import { isMissing } from '../services/service.ts'

/** `PROCURA_HISTORIES=100000` plays 100,000 histories on each store, which takes about an hour. */
const histories = Number(process.env['PROCURA_HISTORIES'] ?? 10_000)
const steps = 12
const lanes = 16
const secret = new Uint8Array(32).fill(7)

/** A clock that the histories of one lane move. */
function laneClock() {
  let offset = 0
  return {
    now: () => 1_800_000_000 + offset,
    advance(seconds: number) {
      offset += seconds
    },
  }
}

type Clock = ReturnType<typeof laneClock>

/**
 * Plays the histories in lanes, each with data of its own, since the clock of one would end what another one reserved.
 */
async function playAll(
  open: (lane: number, clock: Clock) => Promise<readonly [LimitStore, LimitStore]>,
): Promise<void> {
  let next = 1
  let played = 0
  const play = async (lane: number): Promise<void> => {
    const clock = laneClock()
    const [store, other] = await open(lane, clock)
    for (let seed = next++; seed <= histories; seed = next++) {
      await compareHistory({ store, another: async () => other, clock }, seed, steps)
      played += 1
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, lane) => play(lane)))
  expect(played).toBe(histories)
}

describe('LMT-10 random histories of limits agree with a plain model', () => {
  it('in SQLite', async () => {
    await playAll(async (_, clock) => {
      const database = new sqlite.Database(':memory:')
      prepareSqliteStores({ database, secret, epoch: 0 })
      const { limitStore } = sqliteStores({ database, secret, clock })
      return [limitStore, limitStore]
    })
  }, 3_600_000)

  it('in Redis', async () => {
    if (isMissing(redis)) return
    // Nothing is lost here, so nothing has to be on disk.
    const server = await redisServer('--appendonly', 'no')
    await server.start()
    const clients = [0, 1].map(() => new Redis({ port: server.port, host: '127.0.0.1' })) as [Redis, Redis]
    try {
      await playAll(async (lane, clock) => {
        const settings = { secret, prefix: `lane_${lane}`, timeoutMs: 60_000 }
        await prepareRedisStores({ ...settings, client: clients[0], epoch: 0 })
        const [one, two] = clients.map((client) => redisStores({ ...settings, client, clock }).limitStore)
        return [one as LimitStore, two as LimitStore]
      })
    } finally {
      for (const client of clients) client.disconnect()
      await server.remove()
    }
  }, 3_600_000)

  it('in PostgreSQL', async () => {
    if (isMissing(postgres)) return
    const server = await postgresServer()
    await server.start()
    const client = new Pool({ connectionString: `postgres://postgres@127.0.0.1:${server.port}/postgres`, max: 8 })
    try {
      await playAll(async (lane, clock) => {
        const settings = { secret, prefix: `lane_${lane}`, client, timeoutMs: 60_000 }
        await client.query(postgresStoreSchema({ prefix: settings.prefix }))
        await preparePostgresStores({ ...settings, epoch: 0 })
        return [postgresStores({ ...settings, clock }).limitStore, postgresStores({ ...settings, clock }).limitStore]
      })
    } finally {
      await client.end()
      await server.remove()
    }
  }, 7_200_000)
})
