import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { createClient } from 'redis'
import { describe, expect, it } from 'vitest'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import type { RedisStoreClient } from '../../src/stores/redis/client.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import type { SharedStores } from '../../src/stores/shared-stores.ts'
import { service as postgres } from '../services/postgres.service.ts'
import { proxyTo } from '../services/proxy.ts'
import { service as redis } from '../services/redis.service.ts'
import { isMissing, type Service } from '../services/service.ts'
import { type StoreServer, startPostgresStores, startRedisStores } from '../services/store-server.ts'
import { secret } from '../stores/processes/place.ts'

/** Milliseconds for which the network fails, and for which it works, on average. */
const flapMs = 50
const lastsMs = 20_000
const atATime = 64
/** The amount of a limit, which is less than the calls reserve. */
const maximum = 1_000

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Stores at a port, and how their client is closed. */
interface Opened {
  readonly stores: SharedStores
  close(): unknown
}

interface Way {
  readonly service: Service
  readonly start: () => Promise<StoreServer>
  open(port: number): Opened
}

const host = '127.0.0.1'

const ways: Readonly<Record<string, Way>> = {
  'Redis with ioredis': {
    service: redis,
    start: startRedisStores,
    open(port) {
      const options = { connectTimeout: 500, retryStrategy: () => 100, enableReadyCheck: false }
      const client = new Redis({ port, host, ...options })
      client.on('error', () => undefined)
      return { stores: redisStores({ client, secret }), close: () => client.disconnect() }
    },
  },
  'Redis with redis': {
    service: redis,
    start: startRedisStores,
    open(port) {
      const client = createClient({ socket: { port, host, connectTimeout: 500, reconnectStrategy: () => 100 } })
      client.on('error', () => undefined)
      client.connect().catch(() => undefined)
      return { stores: redisStores({ client: client as RedisStoreClient, secret }), close: () => client.destroy() }
    },
  },
  PostgreSQL: {
    service: postgres,
    start: startPostgresStores,
    open(port) {
      const connectionString = `postgres://postgres@${host}:${port}/postgres`
      const client = new Pool({ connectionString, max: 4, connectionTimeoutMillis: 500 })
      client.on('error', () => undefined)
      return { stores: postgresStores({ client, secret }), close: () => client.end() }
    },
  },
}

/** Waits for a random time: the waits of a client must not always end while the network fails. */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, flapMs * (0.5 + Math.random())))
}

describe.each(Object.entries(ways))('STO-13 STO-14 a network that fails all the time, before %s', (_, way) => {
  it.each(['cut', 'stall'] as const)('by %s: no call is claimed twice, and little is left behind', async (kind) => {
    if (isMissing(way.service)) return
    const server = await way.start()
    const network = await proxyTo(server.port)
    const { stores, close } = way.open(network.port)
    const expiration = Math.floor(Date.now() / 1000) + 600
    const yeses = new Map<string, number>()
    const entries = [{ key: 'all', kind: 'total', maximum, amount: 1, expiration }] as const
    let reserved = 0
    let failures = 0
    let isFlapping = true
    let next = 0

    async function claim(key: string): Promise<boolean | undefined> {
      try {
        const isFirst = await stores.replay.claim(key, expiration, {})
        if (isFirst) yeses.set(key, (yeses.get(key) ?? 0) + 1)
        return isFirst
      } catch {
        failures += 1
        return undefined
      }
    }

    /** Reserves an amount of the limit, and returns whether that was possible. */
    async function reserve(reservation: string): Promise<boolean> {
      try {
        const deadline = Math.floor(Date.now() / 1000) + 60
        return (await stores.limitStore.reserve({ reservation, entries, deadline, commit: true }, {})).reserved
      } catch {
        // It may have been counted.
        return false
      }
    }

    /** Each call is claimed until there is an answer, and once more. */
    async function work(): Promise<void> {
      while (isFlapping) {
        const key = `${kind} ${next++}`
        if (await reserve(key)) reserved += 1
        let answer = await claim(key)
        while (answer === undefined && isFlapping) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          answer = await claim(key)
        }
        if (answer !== undefined) expect(await claim(key)).not.toBe(true)
      }
    }

    try {
      await claim('the first one')
      collect()
      const before = process.memoryUsage().heapUsed
      const working = Promise.all(Array.from({ length: atATime }, work))
      const end = performance.now() + lastsMs
      while (performance.now() < end) {
        network[kind]()
        await aWhile()
        network.heal()
        await aWhile()
      }
      isFlapping = false
      await working
      await expect.poll(() => claim('the last one'), { interval: 20 }).toBeDefined()
      collect()
      const megabytes = (process.memoryUsage().heapUsed - before) / 1e6
      const times = `${yeses.size} of ${next} calls, ${reserved} reserved, ${failures} failures, ${network.accepted} connections`
      process.stdout.write(`${kind}: ${times}, ${megabytes.toFixed(1)} MB more\n`)
      // On a busy machine, 50 milliseconds are not enough for a connection and an answer.
      if (kind === 'stall') expect(reserved).toBeGreaterThan(0)
      expect(reserved).toBeLessThanOrEqual(maximum)
      const [state] = await stores.limitStore.remaining(entries, {})
      expect(state?.remaining).toBeLessThanOrEqual(maximum - reserved)
      expect([...yeses.values()].filter((times) => times > 1)).toEqual([])
      // Each of the keys above is kept by this test.
      expect(megabytes).toBeLessThan(30)
      // A connection for each time that the network came back, for each of the pool; and a few attempts in between.
      expect(network.accepted).toBeLessThanOrEqual(8 * (lastsMs / (2 * flapMs)))
    } finally {
      await close()
      await network.close()
      await server.remove()
    }
  })
})
