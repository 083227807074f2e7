import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { preparePostgresStores } from '../../src/state/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/state/postgres/schema.ts'
import { prepareRedisStores } from '../../src/state/redis/prepare-redis-stores.ts'
import { service as postgres } from '../services/postgres.service.ts'
import { postgresServer } from '../services/postgres-server.ts'
import { service as redis } from '../services/redis.service.ts'
import { redisServer } from '../services/redis-server.ts'
import { isMissing } from '../services/service.ts'
import { secret } from '../state/processes/place.ts'
import { expectNoSecondYes } from '../state/processes/shows.ts'
import { bundleVerifier } from '../state/processes/verifiers.ts'

const effort = { calls: Number(process.env['PROCURA_CALLS'] ?? 20_000), failures: 5, limits: true }
let program: string
let remove: () => void

beforeAll(async () => {
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => remove())

describe.each([
  ['together', false],
  ['one after the other', true],
])(
  'of 20,000 calls with limits that four processes get twice while a server is killed five times, none is allowed twice, with stores asked %s',
  (_, apart) => {
    it('RPL-01 LMT-10 in Redis', async () => {
      if (isMissing(redis)) return
      const server = await redisServer()
      await server.start()
      const client = new Redis({ port: server.port, host: '127.0.0.1' })
      await prepareRedisStores({ client, secret, epoch: 0 })
      client.disconnect()
      try {
        await expectNoSecondYes({ program, place: { kind: 'redis', port: server.port, apart } }, effort, async () => {
          await server.kill()
          await server.start()
        })
      } finally {
        await server.remove()
      }
    })

    it('RPL-01 LMT-10 in PostgreSQL', async () => {
      if (isMissing(postgres)) return
      const server = await postgresServer()
      await server.start()
      const address = `postgres://postgres@127.0.0.1:${server.port}/postgres`
      const client = new Pool({ connectionString: address, max: 1 })
      await client.query(postgresStoreSchema())
      await preparePostgresStores({ client, secret, epoch: 0 })
      await client.end()
      try {
        await expectNoSecondYes({ program, place: { kind: 'postgres', address, apart } }, effort, async () => {
          await server.kill()
          await server.start()
        })
      } finally {
        await server.remove()
      }
    })
  },
)
