import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { patient } from '../stores/processes/place.ts'
import { expectNoSecondYes } from '../stores/processes/shows.ts'
import { bundleVerifier, makeCalls, startVerifier } from '../stores/processes/verifiers.ts'
import { proxyTo } from './proxy.ts'
import { startPostgresPair } from './store-pair.ts'

let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => remove())

describe('a standby of PostgreSQL that replicates synchronously', () => {
  it('RPL-01 LMT-10 takes over while calls are sent twice, and none is allowed twice', async () => {
    const pair = await startPostgresPair({ synchronous: true })
    const network = await proxyTo(pair.port)
    const place = { ...pair.placeAt(network.port), ...patient, apart: false }
    try {
      await expectNoSecondYes({ program, place }, { calls: 400, failures: 1, limits: true }, async () => {
        network.cut()
        await pair.killPrimary()
        network.target(await pair.promote())
        network.heal()
      })
    } finally {
      await network.close()
      await pair.remove()
    }
  })

  it('RPL-05 leaves a primary that is cut off from it unable to allow a call', async () => {
    const pair = await startPostgresPair({ synchronous: true })
    const [before, after] = await Promise.all([pair.port, pair.port].map((port) => proxyTo(port)))
    if (before === undefined || after === undefined) throw new Error('there are two')
    // The old primary never answers, so its calls time out; a busy machine answers the other calls in this time.
    const options = { ...patient, timeoutMs: 8_000 }
    const [old, next] = await Promise.all(
      [before, after].map(({ port }) => startVerifier(program, { ...pair.placeAt(port), ...options })),
    )
    try {
      const calls = await makeCalls(20)
      expect(await old?.verify(calls.slice(0, 5))).toEqual(Array.from({ length: 5 }, () => 'allowed'))
      pair.replication.cut()
      // The old primary runs on, and some services still reach it.
      const isolated = await old?.verify(calls, { again: false })
      expect(isolated?.filter((answer) => answer === 'allowed')).toEqual([])
      after.target(await pair.promote())
      expect(await next?.verify(calls, { again: true })).toEqual(
        calls.map((_, at) => (at < 5 ? 'replayed' : 'allowed')),
      )
      expect((await old?.verify(calls))?.filter((answer) => answer === 'allowed')).toEqual([])
    } finally {
      await Promise.all([old, next].map((verifier) => verifier?.kill()))
      for (const network of [before, after]) await network.close()
      await pair.remove()
    }
  })

  it('RVK-05 has each revocation that the primary confirmed', async () => {
    const pair = await startPostgresPair({ synchronous: true })
    const network = await proxyTo(pair.port)
    const verifier = await startVerifier(program, { ...pair.placeAt(network.port), ...patient })
    try {
      const [first, second] = (await makeCalls(2)) as [Uint8Array, Uint8Array]
      expect(await verifier.verify([first])).toEqual(['allowed'])
      await verifier.revoke()
      network.cut()
      await pair.killPrimary()
      network.target(await pair.promote())
      network.heal()
      expect(await verifier.verify([second], { again: true })).toEqual(['revoked'])
    } finally {
      await verifier.kill()
      await network.close()
      await pair.remove()
    }
  })
})
