import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packetNetwork } from '../services/packet-network.ts'
import { service as packets } from '../services/packets.service.ts'
import { service as pgbouncer } from '../services/pgbouncer.service.ts'
import { startPgbouncer } from '../services/pgbouncer-server.ts'
import { service as postgres } from '../services/postgres.service.ts'
import { type Proxy as Network, proxyTo } from '../services/proxy.ts'
import { service as redis } from '../services/redis.service.ts'
import { isMissing } from '../services/service.ts'
import { type StoreServer, startPostgresStores, startRedisStores } from '../services/store-server.ts'
import type { RedisClientName } from '../stores/processes/place.ts'
import { bundleVerifier, makeCalls, startVerifier, type Verifier } from '../stores/processes/verifiers.ts'

/** Milliseconds of the failures of each kind. Within the longer ones, the waits of TCP grow to seconds. */
const durationsMs = [200, 500, 900, 1_300, 2_100, 3_100, 4_500, 7_300]
/** The settings of `spec/state.md`. */
const poolerSettings = ['server_login_retry = 0.2', 'server_connect_timeout = 1', 'query_wait_timeout = 1']
/** A fault of the library, such as a client that never connects again, would take longer than this in each round. */
const mostMs = 10_000

let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => remove())

/** A failure, and its end. */
type Failure = readonly [fail: () => unknown, heal: () => unknown]

/** Makes failures, and writes how long the next call waits after each of them. */
async function measure(name: string, verifier: Verifier, failures: Readonly<Record<string, Failure>>): Promise<void> {
  expect(await verifier.verify(await makeCalls(8))).toEqual(Array.from({ length: 8 }, () => 'allowed'))
  for (const [failure, [fail, heal]] of Object.entries(failures)) {
    const times: number[] = []
    for (const duration of durationsMs) times.push(await oneFailure(verifier, fail, heal, duration))
    const sorted = times.toSorted((a, b) => a - b)
    const [median, most] = [sorted[Math.floor(sorted.length / 2)] ?? Number.NaN, sorted.at(-1) ?? Number.NaN]
    const all = times.map((time) => time.toFixed(0)).join(' ')
    process.stdout.write(`${name}, ${failure}: ${median.toFixed(0)} ms, at most ${most.toFixed(0)} ms (${all})\n`)
    expect(most).toBeLessThan(mostMs)
  }
}

/**
 * Returns the milliseconds from the end of a failure until calls that were refused meanwhile, and a new one, are
 * answered.
 */
async function oneFailure(
  verifier: Verifier,
  fail: () => unknown,
  heal: () => unknown,
  duration: number,
): Promise<number> {
  const calls = await makeCalls(8)
  const [next] = await makeCalls(1)
  await fail()
  const answers = verifier.verify(calls, { again: true })
  await new Promise((resolve) => setTimeout(resolve, duration))
  await heal()
  const start = performance.now()
  // The answer to a claim that was made may be lost.
  for (const answer of await answers) expect(answer).toMatch(/^(allowed|replayed)$/)
  expect(await verifier.verify([next as Uint8Array], { again: true })).toEqual(['allowed'])
  return performance.now() - start
}

/** The failures of a server, and of a proxy before it. */
function failuresOf(network: Network, server: StoreServer): Readonly<Record<string, Failure>> {
  return {
    'connections are reset': [network.cut, network.heal],
    'the server is killed': [server.kill, server.start],
    'connections are forgotten': [() => undefined, network.forget],
    'a proxy delivers nothing': [network.stall, network.heal],
  }
}

async function measureAll(name: string, server: StoreServer, client?: RedisClientName): Promise<void> {
  const placeAt = (port: number, host?: string) => ({ ...server.placeAt(port, host), ...(client && { client }) })
  const network = await proxyTo(server.port)
  const verifier = await startVerifier(program, placeAt(network.port))
  try {
    await measure(name, verifier, failuresOf(network, server))
  } finally {
    await verifier.kill()
    await network.close()
  }
  if (isMissing(packets)) return
  const dropping = await packetNetwork()
  const relay = await proxyTo(server.port, dropping.address)
  const distant = await startVerifier(program, placeAt(relay.port, dropping.address), process.execPath, dropping.inside)
  try {
    await measure(name, distant, {
      'packets are dropped': [() => dropping.drop('both'), dropping.heal],
      'packets to the server are dropped': [() => dropping.drop('out'), dropping.heal],
      'packets from the server are dropped': [() => dropping.drop('in'), dropping.heal],
    })
  } finally {
    await distant.kill()
    await relay.close()
    await dropping.close()
  }
}

describe('RPL-05 RVK-06 a call is allowed again soon after a failure', () => {
  it.each(['ioredis', 'iovalkey', 'redis'] as const)('of Redis, with %s', async (client) => {
    if (isMissing(redis)) return
    const server = await startRedisStores()
    try {
      await measureAll(client, server, client)
    } finally {
      await server.remove()
    }
  })

  it('of PostgreSQL, behind a pooler', async () => {
    if (isMissing(postgres) || isMissing(pgbouncer)) return
    const server = await startPostgresStores()
    const network = await proxyTo(server.port)
    const pooler = await startPgbouncer(network.port, poolerSettings)
    const verifier = await startVerifier(program, server.placeAt(pooler.port))
    try {
      await measure('PgBouncer', verifier, failuresOf(network, server))
    } finally {
      await verifier.kill()
      await pooler.stop()
      await network.close()
      await server.remove()
    }
  })

  it('of PostgreSQL', async () => {
    if (isMissing(postgres)) return
    const server = await startPostgresStores()
    try {
      await measureAll('PostgreSQL', server)
    } finally {
      await server.remove()
    }
  })
})
