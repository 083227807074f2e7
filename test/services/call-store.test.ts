import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CallQuestion } from '../../src/core/authorization/call-store.ts'
import { maxUses } from '../../src/core/capability/policy/build.ts'
import { encodeContainer } from '../../src/core/container/container.ts'
import { StoreError } from '../../src/errors.ts'
import type { PostgresStoreClient } from '../../src/stores/postgres/connection.ts'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/stores/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/stores/postgres/schema.ts'
import type { RedisStoreClient } from '../../src/stores/redis/client.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import type { ServerStores } from '../../src/stores/shared-stores.ts'
import { playScenario, scenarioVerdicts } from '../stores/call-store-scenario.ts'
import { actor, clock, now } from '../support/actors.ts'
import { call, createService, delegateRaw, verdict } from '../support/service.ts'
import { proxyTo } from './proxy.ts'
import { type RedisServer, redisServer } from './redis-server.ts'

const address = process.env['PROCURA_POSTGRES'] ?? ''
const secret = new Uint8Array(32).fill(7)
// A busy machine needs longer than the defaults.
const timeoutMs = 20_000
const server: RedisServer = await redisServer()
let pool: Pool
let redis: Redis

beforeAll(async () => {
  await server.start()
  redis = new Redis({ port: server.port, host: '127.0.0.1' })
  pool = new Pool({ connectionString: address, max: 4 })
})
afterAll(async () => {
  redis.disconnect()
  await server.remove()
  await pool.end()
})

let prefixes = 0

/** Stores over empty data, and the number of requests that they made. */
interface Counted {
  readonly stores: ServerStores
  requests(): number
  prepareAgain(epoch: number): Promise<void>
}

const open: Readonly<Record<string, () => Promise<Counted>>> = {
  async Redis() {
    const prefix = `call_${prefixes++}`
    await prepareRedisStores({ client: redis, secret, prefix, epoch: 0, timeoutMs })
    let requests = 0
    const client: RedisStoreClient = {
      call(command, ...parameters) {
        requests += 1
        return redis.call(command, ...parameters)
      },
    }
    const stores = redisStores({ client, secret, prefix, clock, timeoutMs })
    const prepareAgain = (epoch: number) => prepareRedisStores({ client: redis, secret, prefix, epoch, timeoutMs })
    return { stores, requests: () => requests, prepareAgain }
  },
  async PostgreSQL() {
    const prefix = `call_${prefixes++}`
    await pool.query(postgresStoreSchema({ prefix }))
    await preparePostgresStores({ client: pool, secret, prefix, epoch: 0, timeoutMs })
    let requests = 0
    const client: PostgresStoreClient = {
      query(text, values) {
        requests += 1
        return pool.query(text, [...values])
      },
    }
    const stores = postgresStores({ client, secret, prefix, clock, timeoutMs })
    const prepareAgain = (epoch: number) => preparePostgresStores({ client: pool, secret, prefix, epoch, timeoutMs })
    return { stores, requests: () => requests, prepareAgain }
  },
}

const [alice, bob] = await Promise.all([actor('alice'), actor('bob')])

async function containers(count: number, uses: number): Promise<readonly string[]> {
  const proofs = [await delegateRaw(alice, bob, { policy: [maxUses(uses)] })]
  return Promise.all(
    Array.from({ length: count }, async () => encodeContainer([await call({ issuer: bob, proofs }), ...proofs])),
  )
}

describe.each(Object.entries(open))('STO-11 a decision with stores in %s', (name, openStores) => {
  it('is the same whether they are asked together or one after the other', async () => {
    const { stores } = await openStores()
    expect(await playScenario(stores)).toEqual(scenarioVerdicts)
    const { callStore: _, ...apart } = (await openStores()).stores
    expect(await playScenario(apart)).toEqual(scenarioVerdicts)
  })

  it('is one request', async () => {
    const { stores, requests } = await openStores()
    const service = createService(stores)
    const [first = '', ...rest] = await containers(21, 15)
    // The epoch is asked for once, and Redis does not know the script yet.
    expect(verdict(await service.authorize(first))).toBe('allowed')
    const before = requests()
    const verdicts: string[] = []
    for (const container of rest) verdicts.push(verdict(await service.authorize(container)))
    expect(requests() - before).toBe(20)
    expect(verdicts.filter((one) => one === 'allowed')).toHaveLength(14)
    expect(verdicts.slice(14)).toEqual(Array.from({ length: 6 }, () => 'limit_exhausted at 0 LMT-12'))
  })

  it('is a first claim for one of many copies that arrive at once', async () => {
    const { stores } = await openStores()
    const services = [createService(stores), createService(stores)]
    const [container = ''] = await containers(1, 5)
    const decisions = Array.from({ length: 60 }, (_, at) => services[at % 2]?.authorize(container))
    const verdicts = (await Promise.all(decisions)).map((one) => verdict(one as never))
    expect(verdicts.filter((one) => one === 'allowed')).toHaveLength(1)
    expect(verdicts.filter((one) => one === 'replayed at 1 RPL-01')).toHaveLength(59)
  })

  it('allows as many calls as there are uses when many arrive at once', async () => {
    const { stores } = await openStores()
    const service = createService(stores)
    const decisions = await Promise.all((await containers(60, 25)).map((one) => service.authorize(one)))
    expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(25)
  })

  it('sees that the stores were prepared again', async () => {
    const { stores, prepareAgain } = await openStores()
    const service = createService(stores)
    const [before = '', after = ''] = await containers(2, 5)
    expect(verdict(await service.authorize(before))).toBe('allowed')
    await prepareAgain(now + 10)
    expect(verdict(await service.authorize(after))).toBe('replay_unknown at 1 RPL-05')
  })

  it('counts a call once when the stores were prepared again with an epoch before it', async () => {
    const { stores, prepareAgain } = await openStores()
    const service = createService(stores)
    const [before = '', after = ''] = await containers(2, 5)
    expect(verdict(await service.authorize(before))).toBe('allowed')
    await prepareAgain(1)
    expect(verdict(await service.authorize(after))).toBe('allowed')
    expect((await service.remaining(after)).map(({ remaining }) => remaining)).toEqual([3])
  })

  it('is a denial if the stores answer in another form', async () => {
    const answers: unknown[] = [
      undefined,
      null,
      [],
      {},
      'OK',
      ['answers'],
      { rows: [] },
      { rows: [{}] },
      { rows: [{ answers: '{}' }] },
    ]
    for (const answer of answers) {
      const client = { call: async () => answer, query: async () => answer as { rows: [] } }
      const { callStore } =
        name === 'Redis' ? redisStores({ client, secret, clock }) : postgresStores({ client, secret, clock })
      const question: CallQuestion = { ids: [], claim: { key: 'a', expiration: now + 60, acceptedFrom: undefined } }
      await expect(callStore.ask(question, {})).rejects.toThrow(StoreError)
    }
  })
})

describe('RPL-08 a call that waits for its statement while the stores are prepared again', () => {
  /** Stores that make a statement for each call. */
  async function open() {
    const prefix = `call_${prefixes++}`
    const given = { client: pool, secret, prefix, timeoutMs }
    await pool.query(postgresStoreSchema({ prefix }))
    await preparePostgresStores({ ...given, epoch: 0 })
    const loseData = async (): Promise<void> => {
      await pool.query(`TRUNCATE ${prefix}_calls`)
      await preparePostgresStores({ ...given, epoch: now + 10 })
    }
    return { stores: postgresStores({ ...given, clock, maxBatch: 1 }), loseData }
  }

  it('is refused with stores that are asked together', async () => {
    const { stores, loseData } = await open()
    const service = createService(stores)
    const [used = '', ...others] = await containers(7, 20)
    expect(verdict(await service.authorize(used))).toBe('allowed')
    await loseData()
    const decisions = await Promise.all([...others, used].map((container) => service.authorize(container)))
    expect(decisions.map(verdict)).toEqual(decisions.map(() => 'replay_unknown at 1 RPL-05'))
  })

  it('is refused by the replay store', async () => {
    const { stores, loseData } = await open()
    expect(await stores.replay.claim('used', now + 60, {})).toBe(true)
    await loseData()
    const claims = ['a', 'b', 'c', 'd', 'used'].map((key) => stores.replay.claim(key, now + 60, {}))
    const settled = await Promise.allSettled(claims)
    expect(settled.map(({ status }) => status)).toEqual(claims.map(() => 'rejected'))
  })
})

describe('STO-11 a decision with stores in Redis', () => {
  it('counts once if the client sends the request once more', async () => {
    const proxy = await proxyTo(server.port)
    const client = new Redis({ port: proxy.port, host: '127.0.0.1', retryStrategy: () => 20 })
    client.on('error', () => undefined)
    const prefix = `call_${prefixes++}`
    await prepareRedisStores({ client, secret, prefix, epoch: 0, timeoutMs })
    const stores = redisStores({ client, secret, prefix, clock, timeoutMs })
    const service = createService(stores)
    const [first = '', second = ''] = await containers(2, 5)
    expect(verdict(await service.authorize(first))).toBe('allowed')
    proxy.loseNextAnswer()
    expect(verdict(await service.authorize(second))).toBe('allowed')
    const left = await service.remaining(second)
    expect(left.map(({ remaining }) => remaining)).toEqual([3])
    const [only = '', refused = ''] = await containers(2, 1)
    expect(verdict(await service.authorize(only))).toBe('allowed')
    proxy.loseNextAnswer()
    expect(verdict(await service.authorize(refused))).toBe('limit_exhausted at 0 LMT-12')
    client.disconnect()
    await proxy.close()
  })

  it('is one command on the server', async () => {
    const { stores } = await (open['Redis'] as () => Promise<Counted>)()
    const service = createService(stores)
    const [first = '', ...rest] = await containers(6, 15)
    await service.authorize(first)
    const monitor = await redis.monitor()
    const seen: string[] = []
    monitor.on('monitor', (_time: string, [command = '']: readonly string[], source: string) => {
      if (source !== 'lua') seen.push(command.toLowerCase())
    })
    for (const container of rest) await service.authorize(container)
    await redis.echo('end')
    await expect.poll(() => seen.at(-1)).toBe('echo')
    expect(seen).toEqual([...rest.map(() => 'evalsha'), 'echo'])
    monitor.disconnect()
  })
})
