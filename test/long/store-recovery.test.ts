import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { service as postgres } from '../services/postgres.service.ts'
import { proxyTo } from '../services/proxy.ts'
import { service as redis } from '../services/redis.service.ts'
import { isMissing } from '../services/service.ts'
import { type StoreServer, startPostgresStores, startRedisStores } from '../services/store-server.ts'
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

/** Makes failures, and writes how long the next call waits after each of them. */
async function measureRecovery(name: string, server: StoreServer): Promise<void> {
  const network = await proxyTo(server.port)
  const verifier = await startVerifier(program, server.placeAt(network.port))
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
  it.each([
    ['Redis', redis, startRedisStores],
    ['PostgreSQL', postgres, startPostgresStores],
  ] as const)('of %s', async (name, service, start) => {
    if (isMissing(service)) return
    const server = await start()
    try {
      await measureRecovery(name, server)
    } finally {
      await server.remove()
    }
  })
})
