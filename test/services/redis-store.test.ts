import { Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseDid } from '../../src/core/did/did.ts'
import { StoreError } from '../../src/errors.ts'
import type { RedisStoreClient } from '../../src/stores/redis/client.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { redisPersonalKeyStore } from '../../src/stores/redis/redis-personal-key-store.ts'
import { redisProcessedSets } from '../../src/stores/redis/redis-processed-sets.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import type { ServerStores, SharedStores } from '../../src/stores/shared-stores.ts'
import type { ConformanceCase, OpenedStore, StoreFault } from '../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../src/testing/limit-store-cases.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { processedSetsCases } from '../../src/testing/processed-sets-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'
import { expectFewEnded, longAgo, past, pastClock, rateOf, useLimits } from '../stores/expired-limits.ts'
import {
  cid,
  expectCommitsOnce,
  expectForgottenUntilEpoch,
  expectOwnPruning,
  limitRequest,
  soon,
} from '../stores/store-requests.ts'
import { throughCallStore } from '../stores/through-call-store.ts'
import { proxyTo } from './proxy.ts'
import { type RedisServer, redisServer } from './redis-server.ts'

const secret = new Uint8Array(32).fill(7)
const owner = parseDid('did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK')

/** Returns an answer, or the error instead. */
async function answerOf(ask: () => unknown): Promise<unknown> {
  try {
    return await ask()
  } catch (error) {
    return error
  }
}

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

/** How stores reach the server. */
interface Place {
  readonly connect: () => Promise<Client>
  readonly timeoutMs: number
}

/** Stores with a prefix of their own. */
async function openStore<Store>(
  { connect, timeoutMs }: Place,
  clock: Clock,
  open: (options: { client: RedisStoreClient; prefix: string; secret: Uint8Array; timeoutMs: number }) => Store,
): Promise<OpenedStore<Store>> {
  stores += 1
  const prefix = `test_${stores}`
  const opened: Client[] = []
  const next = async () => {
    const one = await connect()
    opened.push(one)
    return { client: one.client, prefix, secret, timeoutMs }
  }
  await prepareRedisStores({ ...(await next()), epoch: 0 })
  const store = open(await next())
  const { prune } = Object(store) as { prune?(): Promise<void> }
  return {
    store,
    prune: async () => prune?.(),
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

/** How the cases are run. */
interface CaseOptions {
  readonly without: readonly StoreFault[]
  readonly start?: number
}

/** The cases of the three stores of a decision. */
function decisionCases(
  place: Place,
  options: CaseOptions,
  kind: (stores: ServerStores) => SharedStores,
): readonly ConformanceCase[] {
  const open = <Name extends keyof SharedStores>(name: Name, clock: Clock) =>
    openStore(place, clock, (given) => kind(redisStores({ ...given, clock }))[name])
  return [
    ...replayStoreCases(({ clock }) => open('replay', clock), options),
    ...revocationStoreCases(({ clock }) => open('revocations', clock), options),
    ...limitStoreCases(({ clock }) => open('limitStore', clock), options),
  ]
}

/** The cases of all stores. */
function casesOf(place: Place, options: CaseOptions): readonly ConformanceCase[] {
  return [
    ...decisionCases(place, options, (stores) => stores),
    ...revocationJournalCases(
      ({ clock }) => openStore(place, clock, (given) => redisStores({ ...given, clock }).revocations),
      options,
    ),
    ...personalKeyStoreCases(({ clock }) => openStore(place, clock, (given) => redisPersonalKeyStore(given)), {
      ...options,
      without: ['erase', ...options.without],
    }),
    ...processedSetsCases(
      ({ clock }) => openStore(place, clock, (given) => redisProcessedSets({ ...given, clock })),
      options,
    ),
  ]
}

describe.each(Object.entries(clients))('STO-05 stores in Redis through %s', (_, connect) => {
  // A busy machine needs longer than the default.
  const lasting = casesOf({ connect, timeoutMs: 5_000 }, { without: ['interrupt'] })
  // These wait for each time-out, and 10 s at most for a server that is back.
  const interrupted = casesOf({ connect, timeoutMs: 2_500 }, { without: [] }).filter(({ name }) =>
    lasting.every((one) => one.name !== name),
  )
  for (const { name, run } of [...lasting, ...interrupted]) it(name, run)

  it('STO-02 are refused with another secret', async () => {
    const { client, close } = await connect()
    stores += 1
    const prefix = `test_${stores}`
    const other = new Uint8Array(32)
    const settings = { client, prefix, timeoutMs: 20_000 }
    await prepareRedisStores({ ...settings, secret })
    await expect(prepareRedisStores({ ...settings, secret: other })).rejects.toThrow('another `secret`')
    const { replay, revocations, limitStore } = redisStores({ ...settings, secret: other })
    await expect(limitStore.reserve(limitRequest('a'), {})).rejects.toThrow('another `secret`')
    await expect(replay.claim('a', 1, {})).rejects.toThrow('another `secret`')
    await expect(revocations.findRevocations([], {})).rejects.toThrow('another `secret`')
    const processed = redisProcessedSets({ ...settings, secret: other })
    for (const store of [replay, revocations, limitStore, processed])
      await expect(store.prune()).rejects.toThrow('another `secret`')
    close()
  })
})

describe('stores in Redis, by a clock at which the server lets them forget', () => {
  const place = { connect: clients['ioredis'] as () => Promise<Client>, timeoutMs: 20_000 }
  const options = { without: ['interrupt', 'erase'], start: longAgo } as const
  describe('STO-05 one after the other', () => {
    for (const { name, run } of casesOf(place, options)) it(name, run)
  })
  describe('STO-11 asked together', () => {
    for (const { name, run } of decisionCases(place, options, throughCallStore)) it(name, run)
  })
})

describe('stores in Redis', () => {
  /** Stores with a prefix of their own, through one client of ioredis. */
  async function open(options: { readonly port?: number; readonly epoch?: number } = {}) {
    const client = new Redis({ port: options.port ?? server.port, host: '127.0.0.1', retryStrategy: () => 20 })
    client.on('error', () => undefined)
    stores += 1
    // A busy machine needs longer than the default.
    const settings = { client, secret, prefix: `test_${stores}`, timeoutMs: 20_000 }
    await prepareRedisStores({ ...settings, epoch: options.epoch ?? 0 })
    return { settings, client, key: (name: string) => `{${settings.prefix}}:${name}`, close: () => client.disconnect() }
  }

  it('RPL-01 answer true to a first claim that the client sends once more, and false to its copies', async () => {
    const proxy = await proxyTo(server.port)
    const opened = await open({ port: proxy.port })
    const { replay } = redisStores(opened.settings)
    expect(await replay.claim('a', soon(), {})).toBe(true)
    proxy.loseNextAnswer()
    expect(await replay.claim('b', soon(), {})).toBe(true)
    expect(await replay.claim('b', soon(), {})).toBe(false)
    proxy.loseNextAnswer()
    expect(await replay.claim('b', soon(), {})).toBe(false)
    opened.close()
    await proxy.close()
  })

  it('LMT-10 count a request once that the client sends once more', async () => {
    const proxy = await proxyTo(server.port)
    const opened = await open({ port: proxy.port })
    const { limitStore } = redisStores(opened.settings)
    const { entries } = limitRequest('')
    expect(await limitStore.remaining(entries, {})).toEqual([{ remaining: 3 }])
    proxy.loseNextAnswer()
    expect(await limitStore.reserve(limitRequest('a'), {})).toEqual({ reserved: true })
    proxy.loseNextAnswer()
    expect(await limitStore.reserve(limitRequest('b', { commit: false }), {})).toEqual({ reserved: true })
    proxy.loseNextAnswer()
    expect(await limitStore.commit('b', {})).toBe(true)
    expect(await limitStore.remaining(entries, {})).toEqual([{ remaining: 1 }])
    opened.close()
    await proxy.close()
  })

  it('LMT-14 forget limits that expired, and no others', async () => {
    const opened = await open()
    const { limitStore } = redisStores(opened.settings)
    const ended = soon() - 3600
    const before = redisStores({ ...opened.settings, clock: { now: () => ended - 10 } }).limitStore
    const entry = (key: string, expiration: number) =>
      [{ key, kind: 'total', maximum: 3, amount: 1, expiration }] as const
    for (let call = 0; call < 600; call++) {
      const request = limitRequest(`${call}`, {
        entries: entry(`${call}`, ended),
        task: 'a',
        deadline: ended,
        commit: call > 0,
      })
      await before.reserve(request, {})
    }
    await limitStore.reserve(limitRequest('b', { task: 'a' }), {})
    await limitStore.reserve(limitRequest('c', { entries: entry('held', soon()), commit: false }), {})
    await limitStore.prune()
    const { client, key } = opened
    const zsets = ['limit-ends', 'limit-tasks', 'limit-holds', 'limit-call-ends'].map((name) => client.zcard(key(name)))
    const hashes = [client.hlen(key('limits')), client.hlen(key('limit-calls'))]
    expect(await Promise.all([...zsets, ...hashes])).toEqual([2, 1, 1, 1, 2, 1])
    const old = limitRequest('d', { entries: entry('1', ended), deadline: ended })
    await expect(before.reserve(old, {})).rejects.toThrow('latest time seen')
    await prepareRedisStores({ ...opened.settings, epoch: soon() })
    expect(await before.reserve(old, {})).toEqual({ reserved: true })
    opened.close()
  })

  it('OPS-21 LMT-12 end some of the amounts of a period that is over with a call, and count none of them', async () => {
    const opened = await open()
    await expectFewEnded(
      (clock) => redisStores({ ...opened.settings, timeoutMs: 20_000, clock }).limitStore,
      () => opened.client.zcard(opened.key('limit-holds')),
    )
    opened.close()
  })

  it('OPS-21 LMT-12 run few commands for a call after a period in which other calls had 8 limits each', async () => {
    const opened = await open()
    let now = past
    const { limitStore } = redisStores({ ...opened.settings, timeoutMs: 20_000, clock: { now: () => now } })
    const rates = Array.from({ length: 8 }, (_, at) => ({ ...rateOf(`${at}`), window: 100, expiration: past + 1e6 }))
    const call = (name: string) =>
      limitStore.reserve({ reservation: name, entries: rates, deadline: now + 60, commit: true }, {})
    await Promise.all(Array.from({ length: 1_000 }, (_, serial) => call(`${serial}`)))
    now += 200
    await opened.client.call('CONFIG', 'RESETSTAT')
    expect(await call('next')).toEqual({ reserved: true })
    const counts = String(await opened.client.call('INFO', 'commandstats')).matchAll(/:calls=(\d+)/g)
    expect([...counts].reduce((sum, [, count]) => sum + Number(count), 0)).toBeLessThan(500)
    opened.close()
  })

  it('OPS-21 LMT-12 run few commands for a call after many reservations of 8 limits that nobody committed', async () => {
    const opened = await open()
    let now = past
    const { limitStore } = redisStores({ ...opened.settings, timeoutMs: 20_000, clock: { now: () => now } })
    const rates = Array.from({ length: 8 }, (_, at) => ({ ...rateOf(`${at}`), expiration: past + 1e6 }))
    const call = (reservation: string, commit: boolean) =>
      limitStore.reserve({ reservation, entries: rates, deadline: now + 60, commit }, {})
    await Promise.all(Array.from({ length: 500 }, (_, serial) => call(`${serial}`, false)))
    now += 200
    await opened.client.call('CONFIG', 'RESETSTAT')
    expect(await call('next', true)).toEqual({ reserved: true })
    const counts = String(await opened.client.call('INFO', 'commandstats')).matchAll(/:calls=(\d+)/g)
    expect([...counts].reduce((sum, [, count]) => sum + Number(count), 0)).toBeLessThan(5_000)
    // A reservation that is over counts until it is ended, and cannot be committed before.
    expect(await limitStore.commit('499', {})).toBe(false)
    for (let serial = 0; serial < 8; serial++) await call(`last ${serial}`, true)
    expect(await opened.client.zcard(opened.key('limit-holds'))).toBe(9 * 8)
    opened.close()
  })

  it('LMT-14 keep the latest time at which they forgot limits, also when a service behind it forgets others', async () => {
    const opened = await open()
    const ended = soon() - 3_600
    const at = (time: number) => redisStores({ ...opened.settings, clock: { now: () => time } }).limitStore
    const use = (store: ReturnType<typeof at>, key: string, expiration: number) =>
      store.reserve(
        limitRequest(key, { entries: [{ key, kind: 'total', maximum: 1, amount: 1, expiration }], deadline: soon() }),
        {},
      )
    for (let limit = 0; limit < 10; limit++) await use(at(ended - 10), `${limit}`, ended)
    await use(at(soon() - 60), 'present', 1e10)
    expect(await opened.client.zcard(opened.key('limit-ends'))).toBe(10 + 1 - 3)
    await at(ended + 310).prune()
    expect(await opened.client.zcard(opened.key('limit-ends'))).toBe(1)
    await expect(use(at(ended - 10), 'late', ended + 100)).rejects.toThrow('latest time seen')
    opened.close()
  })

  it('LMT-10 keep amounts of 15 digits exactly', async () => {
    const opened = await open()
    const { limitStore } = redisStores(opened.settings)
    const maximum = 999_999_999_999_999
    const entries = (amount: number) => [{ key: 'sum', kind: 'total', maximum, amount, expiration: 1e10 }] as const
    expect(await limitStore.reserve(limitRequest('a', { entries: entries(maximum - 3) }), {})).toEqual({
      reserved: true,
    })
    for (const name of ['b', 'c'])
      expect(await limitStore.reserve(limitRequest(name, { entries: entries(1), commit: false }), {})).toEqual({
        reserved: true,
      })
    expect(await limitStore.commit('b', {})).toBe(true)
    expect(await limitStore.remaining(entries(1), {})).toEqual([{ remaining: 1 }])
    expect(await limitStore.reserve(limitRequest('d', { entries: entries(2) }), {})).toEqual({
      reserved: false,
      key: 'sum',
      remaining: 1,
    })
    opened.close()
  })

  it('RPL-04 RVK-13 forget nothing by one clock that is ahead', async () => {
    const opened = await open()
    let ahead = 86_400
    const clock = { now: () => Math.floor(Date.now() / 1000) + ahead }
    const { replay, revocations } = redisStores({ ...opened.settings, clock })
    await replay.claim('a', soon(), {})
    await revocations.add({ ids: [cid], expiration: soon() })
    await replay.prune()
    await revocations.prune()
    await replay.claim('b', soon(), {})
    for (const name of await opened.client.keys(opened.key('*'))) {
      if (!name.includes(':made:')) expect(await opened.client.pttl(name), name).toBe(-1)
    }
    ahead = 0
    expect(await replay.claim('a', soon(), {})).toBe(false)
    expect(await revocations.findRevocations([cid], {})).toEqual([{ id: cid }])
    opened.close()
  })

  it('OPS-21 LMT-14 forget an expired limit with the amounts of its period, a bounded number with each script', async () => {
    const client = new Redis({ port: server.port, host: '127.0.0.1' })
    const settings = { secret, prefix: 'many_holds', timeoutMs: 20_000 }
    await prepareRedisStores({ client, ...settings, epoch: 0 })
    const ago = redisStores({ client, ...settings, clock: pastClock }).limitStore
    const used = await useLimits(ago, 1_700, 40)
    const key = '{many_holds}:limit-holds'
    const counts = [await client.zcard(key)]
    expect(counts).toEqual([used])
    const counting: RedisStoreClient = {
      async call(command, ...parameters) {
        const answer = await client.call(command, ...parameters)
        counts.push(await client.zcard(key))
        return answer
      },
    }
    await redisStores({ client: counting, ...settings }).limitStore.prune()
    const steps = counts.slice(1).map((count, at) => (counts[at] as number) - count)
    expect(Math.max(...steps)).toBeLessThanOrEqual(500)
    // The limit that has not expired.
    expect(await client.zcard(key)).toBe(1)
    expect(await client.zcard('{many_holds}:limit-ends')).toBe(1)
    expect(await client.hlen('{many_holds}:limits')).toBe(1)
    const late = { reservation: 'late', entries: [rateOf('often')], deadline: past + 60, commit: true }
    await expect(ago.reserve(late, {})).rejects.toThrow('expired before the latest time seen')
    client.disconnect()
  })

  it('keep a later epoch when they are prepared with an earlier one, without one, or with another secret', async () => {
    const client = new Redis({ port: server.port, host: '127.0.0.1' })
    const settings = { client, secret, prefix: 'epochs', timeoutMs: 20_000 }
    for (const epoch of [2_000, 10_000, 9_000, 0]) await prepareRedisStores({ ...settings, epoch })
    await prepareRedisStores(settings)
    const other = { ...settings, secret: new Uint8Array(32), epoch: 20_000 }
    await expect(prepareRedisStores(other)).rejects.toThrow('another `secret`')
    expect(await client.hget('{epochs}:stores', 'epoch')).toBe('10000')
    client.disconnect()
  })

  it('RPL-04 RVK-13 STO-12 keep the times at which they forgot, until a later epoch', async () => {
    const opened = await open()
    const at = (clock: Clock) => ({
      ...redisStores({ ...opened.settings, clock }),
      processed: redisProcessedSets({ ...opened.settings, clock }),
    })
    await expectForgottenUntilEpoch(at, (epoch) => prepareRedisStores({ ...opened.settings, epoch }))
    opened.close()
  })

  it('forget revocations when they are pruned, and not with claims and reservations', async () => {
    const client = new Redis({ port: server.port, host: '127.0.0.1' })
    const settings = { client, secret, prefix: 'alone', timeoutMs: 20_000 }
    await prepareRedisStores({ ...settings, epoch: 0 })
    await expectOwnPruning(redisStores(settings))
    client.disconnect()
  })

  it('RPL-03 RVK-07 forget entries that have ended, and no others', async () => {
    const opened = await open()
    const { replay, revocations } = redisStores(opened.settings)
    const ended = soon() - 3600
    await Promise.all(Array.from({ length: 1200 }, (_, index) => replay.claim(`call ${index}`, 1e10 + index, {})))
    await opened.client.zadd(
      opened.key('calls'),
      ...Array.from({ length: 1200 }, (_, at) => [ended, `old ${at}`]).flat(),
    )
    const claimed = await opened.client.zcard(opened.key('calls'))
    await replay.claim('next', 1e10, {})
    expect(await opened.client.zcard(opened.key('calls'))).toBe(claimed + 1 - 3)
    await revocations.add({ ids: [cid], expiration: ended })
    await revocations.add({ ids: [owner], expiration: ended })
    await revocations.add({ ids: [owner], revoker: owner, expiration: soon() })
    await replay.prune()
    await revocations.prune()
    expect(await opened.client.zcard(opened.key('calls'))).toBe(1201)
    expect(await revocations.findRevocations([cid], {})).toEqual([])
    expect(await revocations.findRevocations([owner], {})).toHaveLength(2)
    const { client, key } = opened
    const sizes = ['ends', 'journal', 'journal-ends'].map((name) => client.zcard(key(name)))
    expect(await Promise.all([...sizes, client.hlen(key('journal-entries'))])).toEqual([1, 1, 1, 1])
    await expect(replay.claim('late', ended - 1000, {})).rejects.toThrow('expired before the latest time seen')
    opened.close()
  })

  it('RVK-07 keep a revocation that gets a later end while it is about to be forgotten', async () => {
    const opened = await open()
    const { revocations } = redisStores(opened.settings)
    await revocations.add({ ids: [cid], expiration: soon() - 3600 })
    const client: RedisStoreClient = {
      async call(command, ...parameters) {
        const answer = await opened.client.call(command, ...parameters)
        const [kind] = Array.isArray(answer) ? answer : []
        if (kind === 'ended') await revocations.add({ ids: [cid], expiration: soon() })
        return answer
      },
    }
    await redisStores({ ...opened.settings, client }).revocations.prune()
    expect(await revocations.findRevocations([cid], {})).toEqual([{ id: cid }])
    opened.close()
  })

  it('refuse calls accepted before a later epoch with which they are prepared again', async () => {
    const opened = await open()
    const { replay } = redisStores(opened.settings)
    const old = { acceptedFrom: soon() - 200 }
    expect(await replay.claim('a', soon(), old)).toBe(true)
    await prepareRedisStores({ ...opened.settings, epoch: soon() })
    await expect(replay.claim('b', soon(), old)).rejects.toThrow('sign it again after')
    await prepareRedisStores({ ...opened.settings, epoch: 0 })
    await expect(replay.claim('b', soon(), old)).rejects.toThrow('sign it again after')
    opened.close()
  })

  it('RPL-05 RVK-06 LMT-11 reject answers of another form and answers to other requests', async () => {
    const opened = await open()
    const answers: unknown[] = [undefined, null, 'OK', 1, [], ['claimed'], ['claimed', 'x', '1'], {}, [[]]]
    for (const answer of answers) {
      const client = { call: async () => answer }
      const { replay, revocations, limitStore } = redisStores({ ...opened.settings, client })
      await expect(limitStore.reserve(limitRequest('a'), {})).rejects.toThrow(StoreError)
      await expect(limitStore.commit('a', {})).rejects.toThrow(StoreError)
      await expect(limitStore.remaining(limitRequest('a').entries, {})).rejects.toThrow(StoreError)
      await expect(replay.claim('a', soon(), {})).rejects.toThrow(StoreError)
      await expect(revocations.findRevocations([cid], {})).rejects.toThrow(StoreError)
      await expect(revocations.add({ ids: [cid], expiration: soon() })).rejects.toThrow(StoreError)
    }
    let last: Promise<unknown> = Promise.resolve(['claimed', '', '1'])
    const behind = {
      call(command: string, ...parameters: readonly string[]) {
        const answer = last
        last = opened.client.call(command, ...parameters)
        return answer
      },
    }
    const { replay } = redisStores({ ...opened.settings, client: behind })
    for (let copy = 0; copy < 5; copy++) {
      await expect(replay.claim('behind', soon(), {})).rejects.toThrow('the answer to another request')
    }
    opened.close()
  })

  it('RPL-05 RVK-06 LMT-11 reject answers of another kind, without a value or to other questions', async () => {
    const opened = await open()
    /** A client with one answer; the request is the second value after the keys. */
    const answering = (kind: string, ...values: unknown[]): RedisStoreClient => ({
      call: async (_, ...parameters) => [kind, parameters[2 + Number(parameters[1]) + 1], ...values],
    })
    const rate = [{ ...rateOf('rate'), expiration: 1e10 }]
    const reserve = (kind: string, ...values: unknown[]) => {
      const { limitStore } = redisStores({ ...opened.settings, client: answering(kind, ...values) })
      return limitStore.reserve(limitRequest('a', { entries: rate }), {})
    }
    expect(await reserve('short', '0', '0', '1900000000')).toMatchObject({ key: 'rate', freeAt: 1_900_000_000 })
    await expect(reserve('short', '0', '0', '')).rejects.toThrow('the time of the next possible call')
    await expect(reserve('short', '1', '0', '')).rejects.toThrow('not in the request')
    await expect(reserve('taken')).rejects.toThrow('already a reservation')
    await expect(reserve('committed', '1')).rejects.toThrow('malformed answer')
    const { entries } = limitRequest('a')
    for (const values of [[], ['1'], ['1', '', '1'], ['1', '', '1', '']]) {
      const { limitStore } = redisStores({ ...opened.settings, client: answering('left', ...values) })
      await expect(limitStore.remaining(entries, {})).rejects.toThrow('malformed answer')
    }
    for (const kind of ['reserved', 'expired', 'epoch', 'unknown']) {
      const { revocations, limitStore, replay } = redisStores({ ...opened.settings, client: answering(kind, '0', []) })
      await expect(revocations.findRevocations([cid], {})).rejects.toThrow('malformed answer')
      await expect(limitStore.commit('a', {})).rejects.toThrow('malformed answer')
      await expect(limitStore.release('a', {})).rejects.toThrow('malformed answer')
      await expect(revocations.add({ ids: [cid], expiration: soon() })).rejects.toThrow('malformed answer')
      await expect(replay.prune()).rejects.toThrow('malformed answer')
    }
    opened.close()
  })

  it('read the answers of a client that returns bytes', async () => {
    const opened = await open()
    const client: RedisStoreClient = { call: (command, ...rest) => opened.client.callBuffer(command, ...rest) }
    const { replay, revocations, limitStore } = redisStores({ ...opened.settings, client })
    expect([await replay.claim('a', soon(), {}), await replay.claim('a', soon(), {})]).toEqual([true, false])
    await revocations.add({ ids: [owner], revoker: owner, expiration: soon() })
    expect(await revocations.findRevocations([owner], {})).toEqual([{ id: owner, revoker: owner }])
    expect((await revocations.listRevocations({ after: 0, limit: 9 })).entries).toHaveLength(1)
    expect(await limitStore.reserve(limitRequest('a'), {})).toEqual({ reserved: true })
    expect(await limitStore.remaining(limitRequest('a').entries, {})).toEqual([{ remaining: 2 }])
    opened.close()
  })

  it('STO-11 RPL-08 claim a call once that is asked about at an earlier epoch, and no revoked call', async () => {
    const { settings, close } = await open()
    const { callStore, replay, revocations } = redisStores(settings)
    const ask = (key: string) =>
      callStore.ask({ ids: [cid], claim: { key, expiration: soon(), acceptedFrom: soon() - 100 } }, {})
    const first = { revocations: { value: [] }, claim: { value: true } }
    expect(await ask('before')).toMatchObject(first)
    await prepareRedisStores({ ...settings, epoch: 1 })
    expect(await ask('after')).toMatchObject(first)
    await revocations.add({ ids: [cid], expiration: soon() })
    expect(await ask('revoked')).toEqual({ revocations: { status: 'fulfilled', value: [{ id: cid }] } })
    expect(await replay.claim('revoked', soon(), { acceptedFrom: soon() - 100 })).toBe(true)
    close()
  })

  it('send nothing for a caller that no longer waits', async () => {
    const opened = await open()
    let sent = 0
    const client: RedisStoreClient = {
      call(command, ...parameters) {
        sent += 1
        return opened.client.call(command, ...parameters)
      },
    }
    const { replay, revocations, limitStore, callStore } = redisStores({ ...opened.settings, client })
    await replay.claim('first', soon(), {})
    sent = 0
    const signal = AbortSignal.abort(new Error('nobody waits'))
    const claim = { key: 'a', expiration: soon(), acceptedFrom: undefined }
    for (const ask of [
      () => replay.claim('a', soon(), { signal }),
      () => callStore.ask({ ids: [cid], claim }, { signal }),
      () => limitStore.reserve(limitRequest('a'), { signal }),
      () => limitStore.commit('a', { signal }),
      ...[replay, revocations, limitStore].map((store) => () => store.prune({ signal })),
    ])
      await expect(ask()).rejects.toThrow('nobody waits')
    expect(sent).toBe(0)
    opened.close()
  })

  it('LMT-15 give nothing back by a second commit, and do not commit after a commit that failed', async () => {
    const opened = await open()
    let time = soon()
    const { limitStore } = redisStores({ ...opened.settings, clock: { now: () => time } })
    await expectCommitsOnce(limitStore, time, (seconds) => {
      time += seconds
    })
    opened.close()
  })

  it('RPL-05 RVK-06 LMT-11 are refused by a replica and by a busy server, and use nothing up', async () => {
    const own = await redisServer('--lua-time-limit', '20')
    await own.start()
    const opened = await open({ port: own.port })
    const { replay, revocations, limitStore, callStore } = redisStores(opened.settings)
    await limitStore.reserve(limitRequest('before', { commit: false }), {})
    const claim = { key: 'asked', expiration: soon(), acceptedFrom: undefined }
    const expectRefusals = async (reason: string): Promise<void> => {
      for (const ask of [
        () => replay.claim('claimed', soon(), {}),
        () => callStore.ask({ ids: [cid], claim, limits: limitRequest('asked') }, {}),
        () => limitStore.reserve(limitRequest('reserved'), {}),
        () => limitStore.commit('before', {}),
        () => revocations.add({ ids: [cid], expiration: soon() }),
      ])
        await expect(ask()).rejects.toMatchObject({
          code: 'ERR_STORE',
          cause: { message: expect.stringContaining(reason) },
        })
    }
    await opened.client.replicaof('127.0.0.1', '1')
    await expectRefusals('READONLY')
    await opened.client.replicaof('NO', 'ONE')
    const other = new Redis({ port: own.port, host: '127.0.0.1' })
    const endless = other.eval('while true do end', 0).catch(String)
    await expect.poll(() => opened.client.ping().catch(String), { interval: 20 }).toContain('BUSY')
    await expectRefusals('BUSY')
    await opened.client.script('KILL')
    expect(await endless).toContain('killed')
    // A server that has forgotten the scripts is sent them again.
    await opened.client.script('FLUSH')
    expect(await limitStore.remaining(limitRequest('').entries, {})).toEqual([{ remaining: 2 }])
    expect(await limitStore.commit('before', {})).toBe(true)
    expect(await replay.claim('claimed', soon(), {})).toBe(true)
    expect(await replay.claim('asked', soon(), {})).toBe(true)
    expect(await revocations.findRevocations([cid], {})).toEqual([])
    other.disconnect()
    opened.close()
    await own.remove()
  })

  it('RPL-03 refuse claims when the server is full, and take new ones in the place of those that ended', async () => {
    const small = await redisServer()
    await small.start()
    const opened = await open({ port: small.port })
    // A request is known for twice this time, and its name takes memory as well.
    const { replay } = redisStores({ ...opened.settings, timeoutMs: 2_000 })
    // Buffers of the log do not count.
    const used = async () => {
      const memory = await opened.client.info('memory')
      const [all, others] = ['used_memory', 'mem_not_counted_for_evict'].map((field) =>
        Number(new RegExp(`${field}:(\\d+)`).exec(memory)?.[1]),
      ) as [number, number]
      return all - others
    }
    const limit = (await used()) + 500_000
    await opened.client.config('SET', 'maxmemory', limit)
    const claimAll = (round: string) =>
      Promise.all(
        Array.from({ length: 500 }, (_, index) => answerOf(() => replay.claim(`${round} ${index}`, 1e10, {}))),
      )
    let full: unknown
    for (let round = 0; full === undefined; round++) {
      full = (await claimAll(`${round}`)).find((answer) => answer instanceof StoreError)
    }
    expect(String((full as StoreError).cause)).toContain('OOM')
    const calls = await opened.client.zrange(opened.key('calls'), '0', '-1')
    await opened.client.config('SET', 'maxmemory', '0')
    await opened.client.zadd(opened.key('calls'), 'XX', ...calls.flatMap((call) => ['1', call]))
    await opened.client.config('SET', 'maxmemory', limit)
    await replay.prune()
    expect(await opened.client.zcard(opened.key('calls'))).toBe(0)
    await expect.poll(used, { timeout: 60_000, interval: 100 }).toBeLessThan(limit - 100_000)
    expect(await replay.claim('new', 1e10, {})).toBe(true)
    opened.close()
    await small.remove()
  })
})
