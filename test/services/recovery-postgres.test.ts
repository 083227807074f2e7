import { Pool } from 'pg'
import { describe, expect, it } from 'vitest'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import { secret } from '../stores/processes/place.ts'
import { describeRecovery } from './expect-recovery.ts'
import { proxyTo } from './proxy.ts'
import { startPostgresStores } from './store-server.ts'

describeRecovery('PostgreSQL', startPostgresStores)

describe('STO-14 statements on connections of PostgreSQL that were forgotten a moment ago', () => {
  it('do not delay the next ones, and end with an error', async () => {
    const server = await startPostgresStores()
    const network = await proxyTo(server.port)
    const connectionString = `postgres://postgres@127.0.0.1:${network.port}/postgres`
    const client = new Pool({ connectionString, max: 4, connectionTimeoutMillis: 500 })
    client.on('error', () => undefined)
    const { replay } = postgresStores({ client, secret, timeoutMs: 4_000 })
    const expiration = Math.floor(Date.now() / 1000) + 600
    const ended: string[] = []
    /** Claims in a round trip of its own. */
    const claim = async (name: string): Promise<void> => {
      const answer = Promise.resolve(replay.claim(name, expiration, {})).then(String, () => 'failed')
      await new Promise(setImmediate)
      void answer.then((result) => ended.push(`${name}: ${result}`))
    }
    /** Returns the milliseconds from before the first two claims until the last one is sent. */
    const forgetBetween = async (round: number): Promise<number> => {
      ended.length = 0
      const start = performance.now()
      for (const name of ['first', 'second']) await claim(`${round} ${name}`)
      await expect.poll(() => ended, { interval: 5 }).toHaveLength(2)
      network.forget()
      for (const name of ['third', 'fourth', 'fifth']) await claim(`${round} ${name}`)
      const elapsed = performance.now() - start
      await expect.poll(() => ended, { timeout: 30_000 }).toHaveLength(5)
      return elapsed
    }
    try {
      // A connection that was silent for half a second is asked first, so a busy machine tries again.
      let round = 1
      while ((await forgetBetween(round)) > 400 && round < 8) round++
      const answers = (names: readonly string[]): readonly string[] => names.map((name) => `${round} ${name}`)
      expect(ended.slice(0, 2).toSorted()).toEqual(answers(['first: true', 'second: true']))
      expect(ended[2]).toBe(`${round} fifth: true`)
      expect(ended.slice(3).toSorted()).toEqual(answers(['fourth: failed', 'third: failed']))
    } finally {
      await client.end()
      await network.close()
      await server.remove()
    }
  })
})
