import { readFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { prepareRedisStores } from '../../src/state/redis/prepare-redis-stores.ts'
import { root } from '../setup/entries.ts'
import { programOf, runAll } from '../setup/programs.ts'
import { expectNetworkFailures } from '../state/processes/network.ts'
import { type StoresPlace, secret } from '../state/processes/place.ts'
import {
  expectGivenBack,
  expectNoSecondYes,
  expectOneYes,
  expectRevocationSeen,
  expectSharedBudget,
} from '../state/processes/shows.ts'
import { bundleVerifier } from '../state/processes/verifiers.ts'
import { type RedisServer, redisServer } from './redis-server.ts'

const server: RedisServer = await redisServer()
const place: StoresPlace = { kind: 'redis', port: server.port }
let program: string
let remove: () => void

beforeAll(async () => {
  await server.start()
  const client = new Redis({ port: server.port, host: '127.0.0.1' })
  await prepareRedisStores({ client, secret, epoch: 0 })
  client.disconnect()
  ;({ program, remove } = await bundleVerifier())
})
afterAll(async () => {
  await server.remove()
  remove()
})

describe('four processes that share stores in Redis', () => {
  it('RPL-01 allow one call of 1,000 copies once', () => expectOneYes({ program, place }, 1000))

  it('RPL-01 allow no call twice while the server is killed and started again', async () => {
    await expectNoSecondYes({ program, place }, { calls: 1000, failures: 3 }, async () => {
      await server.kill()
      await server.start()
    })
  })

  it('RPL-05 RVK-06 refuse calls with codes of their own while the network fails, and allow calls afterwards', () =>
    expectNetworkFailures(program, server.port, (port) => ({ kind: 'redis', port })))

  it('LMT-12 allow 100 of 1,000 calls of 3 sub-agents who share a budget of 100', () =>
    expectSharedBudget({ program, place: { ...place, timeoutMs: 30_000 } as StoresPlace }, 1000, 100))

  it('LMT-15 give a use back after its deadline when a process ends between reservation and commit', () =>
    expectGivenBack({ program, place }))

  it('RVK-05 refuse the next call of a delegation that one of them revoked', () =>
    expectRevocationSeen({ program, place }))
})

describe('the example of four processes', () => {
  it('prints the same with Redis as with SQLite', async () => {
    const program = programOf('four-processes-redis', readFileSync(`${root}examples/07-four-processes.ts`, 'utf8'))
    vi.stubEnv('REDIS_URL', `redis://127.0.0.1:${server.port}`)
    try {
      expect((await runAll([program])).get(program.name)).toEqual(program.expected)
    } finally {
      vi.unstubAllEnvs()
    }
  })
})
