import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { preparePostgresStores } from '../../src/state/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/state/postgres/schema.ts'
import { prepareRedisStores } from '../../src/state/redis/prepare-redis-stores.ts'
import { service as postgres } from '../services/postgres.service.ts'
import { postgresServer } from '../services/postgres-server.ts'
import { proxyTo } from '../services/proxy.ts'
import { service as redis } from '../services/redis.service.ts'
import { redisServer } from '../services/redis-server.ts'
import { isMissing } from '../services/service.ts'
import { type StoresPlace, secret } from '../state/processes/place.ts'
import { bundleVerifier, makeCalls, startVerifier, type Verifier } from '../state/processes/verifiers.ts'

/** How often each failure is made. */
const rounds = 20
/** Milliseconds of each failure. */
const failureMs = 500
/** A fault of the library, such as a client that never connects again, would take longer than this in each round. */
const mostMs = 10_000

let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => remove())

/** A server that can be killed. */
interface Server {
  readonly port: number
  start(): Promise<void>
  kill(): Promise<void>
}

/** Makes failures, and writes how long the next call waits after each of them. */
async function measureRecovery(name: string, server: Server, placeAt: (port: number) => StoresPlace): Promise<void> {
  const network = await proxyTo(server.port)
  const verifier = await startVerifier(program, placeAt(network.port))
  const failures: Readonly<Record<string, readonly [fail: () => unknown, heal: () => unknown]>> = {
    'a network that ends connections': [network.cut, network.heal],
    'a network that delivers nothing': [network.stall, network.heal],
    'a server that is killed': [server.kill, server.start],
  }
  try {
    expect(await verifier.verify(await makeCalls(8))).toEqual(Array.from({ length: 8 }, () => 'allowed'))
    for (const [failure, [fail, heal]] of Object.entries(failures)) {
      const times: number[] = []
      for (let round = 0; round < rounds; round++) times.push(await oneFailure(verifier, fail, heal))
      times.sort((a, b) => a - b)
      const [median, most] = [times[Math.floor(rounds / 2)] ?? Number.NaN, times.at(-1) ?? Number.NaN]
      process.stdout.write(`${name}, after ${failure}: ${median.toFixed(0)} ms, at most ${most.toFixed(0)} ms\n`)
      expect(most).toBeLessThan(mostMs)
    }
  } finally {
    await verifier.kill()
    await network.close()
  }
}

/** Returns the milliseconds from the end of a failure until calls that were refused meanwhile, and a new one, are answered. */
async function oneFailure(verifier: Verifier, fail: () => unknown, heal: () => unknown): Promise<number> {
  const calls = await makeCalls(8)
  const [next] = await makeCalls(1)
  await fail()
  const answers = verifier.verify(calls, { again: true })
  await new Promise((resolve) => setTimeout(resolve, failureMs))
  await heal()
  const start = performance.now()
  // The answer to a claim that was made may be lost.
  for (const answer of await answers) expect(answer).toMatch(/^(allowed|replayed)$/)
  expect(await verifier.verify([next as Uint8Array], { again: true })).toEqual(['allowed'])
  return performance.now() - start
}

describe('RPL-05 RVK-06 a call is allowed again soon after a failure', () => {
  it('of Redis', async () => {
    if (isMissing(redis)) return
    const server = await redisServer()
    await server.start()
    const client = new Redis({ port: server.port, host: '127.0.0.1' })
    await prepareRedisStores({ client, secret, epoch: 0 })
    client.disconnect()
    try {
      await measureRecovery('Redis', server, (port) => ({ kind: 'redis', port }))
    } finally {
      await server.remove()
    }
  })

  it('of PostgreSQL', async () => {
    if (isMissing(postgres)) return
    const server = await postgresServer()
    await server.start()
    const addressAt = (port: number): string => `postgres://postgres@127.0.0.1:${port}/postgres`
    const client = new Pool({ connectionString: addressAt(server.port), max: 1 })
    await client.query(postgresStoreSchema())
    await preparePostgresStores({ client, secret, epoch: 0 })
    await client.end()
    try {
      await measureRecovery('PostgreSQL', server, (port) => ({ kind: 'postgres', address: addressAt(port) }))
    } finally {
      await server.remove()
    }
  })
})
