import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisStoreClient } from '../../src/state/redis/client.ts'
import { prepareRedisStores } from '../../src/state/redis/prepare-redis-stores.ts'
import { redisPersonalKeyStore } from '../../src/state/redis/redis-personal-key-store.ts'
import { redisStores } from '../../src/state/redis/redis-stores.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'
import { type RedisServer, redisServer } from './redis-server.ts'

const secret = new Uint8Array(32).fill(7)
const server: RedisServer = await redisServer()
beforeAll(() => server.start())
afterAll(() => server.remove())

/** A client, and how it is closed. */
interface Client {
  readonly client: RedisStoreClient
  close(): void
}

const clients: Readonly<Record<string, () => Promise<Client>>> = {
  async ioredis() {
    const client = new Redis({ port: server.port, host: '127.0.0.1', retryStrategy: () => 20 })
    client.on('error', () => undefined)
    return { client, close: () => client.disconnect() }
  },
  async iovalkey() {
    const client = new Valkey({ port: server.port, host: '127.0.0.1', retryStrategy: () => 20 })
    client.on('error', () => undefined)
    return { client, close: () => client.disconnect() }
  },
  async redis() {
    const client = createClient({ url: `redis://127.0.0.1:${server.port}`, socket: { reconnectStrategy: () => 20 } })
    client.on('error', () => undefined)
    await client.connect()
    return { client, close: () => client.destroy() }
  },
}

let stores = 0

/** Stores with a prefix of their own. */
async function openStore<Store>(
  connect: () => Promise<Client>,
  clock: Clock,
  open: (options: { client: RedisStoreClient; prefix: string; secret: Uint8Array }) => Store,
): Promise<OpenedStore<Store>> {
  stores += 1
  const prefix = `test_${stores}`
  const opened: Client[] = []
  const next = async () => {
    const one = await connect()
    opened.push(one)
    return { client: one.client, prefix, secret }
  }
  await prepareRedisStores({ ...(await next()), epoch: 0 })
  return {
    store: open(await next()),
    another: async () => open(await next()),
    interrupt: () => server.kill(),
    restore: () => server.start(),
    async erase() {
      const { client } = await next()
      await ('call' in client ? client.call('FLUSHALL') : client.sendCommand(['FLUSHALL'] as never))
    },
    prepareAgain: async () => prepareRedisStores({ ...(await next()), clock }),
    async close() {
      for (const one of opened) one.close()
    },
  }
}

describe.each(Object.entries(clients))('STO-05 stores in Redis through %s', (_, connect) => {
  const cases = [
    ...replayStoreCases(({ clock }) =>
      openStore(connect, clock, (options) => redisStores({ ...options, clock }).replay),
    ),
    ...revocationStoreCases(({ clock }) =>
      openStore(connect, clock, (options) => redisStores({ ...options, clock }).revocations),
    ),
    ...personalKeyStoreCases(({ clock }) => openStore(connect, clock, (options) => redisPersonalKeyStore(options)), {
      without: ['erase'],
    }),
  ]
  for (const { name, run } of cases) it(name, run)

  it('STO-02 are refused with another secret', async () => {
    const { client, close } = await connect()
    stores += 1
    const prefix = `test_${stores}`
    const other = new Uint8Array(32)
    await prepareRedisStores({ client, secret, prefix })
    await expect(prepareRedisStores({ client, secret: other, prefix })).rejects.toThrow('another `secret`')
    const { replay, revocations } = redisStores({ client, secret: other, prefix })
    await expect(replay.claim('a', 1, {})).rejects.toThrow('another `secret`')
    await expect(revocations.findRevocations([], {})).rejects.toThrow('another `secret`')
    close()
  })
})
