import { Cluster, Redis } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RedisStoreClient } from '../../src/stores/redis/client.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { redisPersonalKeyStore } from '../../src/stores/redis/redis-personal-key-store.ts'
import { redisProcessedSets } from '../../src/stores/redis/redis-processed-sets.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../src/testing/limit-store-cases.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { processedSetsCases } from '../../src/testing/processed-sets-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import { playScenario, scenarioVerdicts } from '../stores/call-store-scenario.ts'
import { clock as timeOfTests } from '../support/actors.ts'
import { freePort } from '../support/free-port.ts'
import { type RedisServer, redisServer } from './redis-server.ts'

const secret = new Uint8Array(32).fill(7)
const servers: RedisServer[] = []
const nodes: { host: string; port: number; busPort: number }[] = []
for (let node = 0; node < 3; node++) {
  // The usual one, 10,000 above the port of the clients, is among those that systems choose for connections.
  const busPort = await freePort()
  const server = await redisServer('--cluster-enabled', 'yes', '--cluster-port', String(busPort))
  servers.push(server)
  nodes.push({ host: '127.0.0.1', port: server.port, busPort })
}
const slots = 16_384

/** Makes one cluster of the servers, each with a third of the slots. */
beforeAll(async () => {
  await Promise.all(servers.map((server) => server.start()))
  const clients = nodes.map(({ host, port }) => new Redis({ host, port }))
  for (const [index, client] of clients.entries()) {
    const from = Math.floor((index * slots) / 3)
    const to = Math.floor(((index + 1) * slots) / 3) - 1
    await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to))
  }
  for (const client of clients) {
    for (let round = 0; !(await isReady(client)); round++) {
      // A busy server may miss the first invitation, which lasts for some seconds.
      if (round % 100 === 0) for (const other of clients) await meetFirst(other)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  for (const client of clients) client.disconnect()
})

async function meetFirst(client: Redis): Promise<void> {
  const [{ host, port, busPort }] = nodes as [(typeof nodes)[0]]
  await client.call('CLUSTER', 'MEET', host, String(port), String(busPort))
}

async function isReady(client: Redis): Promise<boolean> {
  const info = String(await client.call('CLUSTER', 'INFO'))
  return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3')
}

afterAll(() => Promise.all(servers.map((server) => server.remove())))

interface Client {
  readonly client: RedisStoreClient
  close(): void
}

const clients: Readonly<Record<string, () => Promise<Client>>> = {
  async ioredis() {
    const client = new Cluster(nodes.map(({ host, port }) => ({ host, port })))
    return { client, close: () => client.disconnect() }
  },
  async redis() {
    const client = createCluster({ rootNodes: nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` })) })
    await client.connect()
    return { client, close: () => client.destroy() }
  },
}

let stores = 0

async function openStore<Store>(
  connect: () => Promise<Client>,
  open: (options: { client: RedisStoreClient; prefix: string; secret: Uint8Array }) => Store,
): Promise<OpenedStore<Store>> {
  stores += 1
  const prefix = `cluster_${stores}`
  const opened: Client[] = []
  const next = async () => {
    const one = await connect()
    opened.push(one)
    return { client: one.client, prefix, secret, timeoutMs: 20_000 }
  }
  await prepareRedisStores({ ...(await next()), epoch: 0 })
  return {
    store: open(await next()),
    another: async () => open(await next()),
    async close() {
      for (const one of opened) one.close()
    },
  }
}

describe.each(Object.entries(clients))('STO-05 stores in a cluster through %s', (name, connect) => {
  const without = { without: ['interrupt', 'erase'] } as const
  const cases = [
    ...replayStoreCases(
      ({ clock }) => openStore(connect, (options) => redisStores({ ...options, clock }).replay),
      without,
    ),
    ...revocationStoreCases(
      ({ clock }) => openStore(connect, (options) => redisStores({ ...options, clock }).revocations),
      without,
    ),
    ...revocationJournalCases(
      ({ clock }) => openStore(connect, (options) => redisStores({ ...options, clock }).revocations),
      without,
    ),
    ...limitStoreCases(
      ({ clock }) => openStore(connect, (options) => redisStores({ ...options, clock }).limitStore),
      without,
    ),
    ...personalKeyStoreCases(() => openStore(connect, redisPersonalKeyStore), without),
    ...processedSetsCases(
      ({ clock }) => openStore(connect, (options) => redisProcessedSets({ ...options, clock })),
      without,
    ),
  ]
  for (const { name: title, run } of cases) it(title, run)

  it('STO-11 decide in one request as they do one after the other', async () => {
    const { client, close } = await connect()
    for (const kind of ['together', 'apart']) {
      const options = { client, secret, prefix: `${name}_${kind}`, timeoutMs: 20_000 }
      await prepareRedisStores({ ...options, epoch: 0 })
      const { callStore, ...apart } = redisStores({ ...options, clock: timeOfTests })
      expect(await playScenario(kind === 'apart' ? apart : { ...apart, callStore })).toEqual(scenarioVerdicts)
    }
    close()
  })

  it('are on each of its nodes, depending on the prefix', async () => {
    const { client, close } = await connect()
    for (let store = 0; store < 12; store++) {
      const options = { client, secret, prefix: `${name}_${store}`, timeoutMs: 20_000 }
      await prepareRedisStores({ ...options, epoch: 0 })
      const { replay } = redisStores(options)
      expect([await replay.claim('a', 1e10, {}), await replay.claim('a', 1e10, {})]).toEqual([true, false])
    }
    close()
  })
})
