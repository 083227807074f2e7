import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { describe, expect, it } from 'vitest'
import { postgresPersonalKeyStore } from '../../src/stores/postgres/postgres-personal-key-store.ts'
import { postgresProcessedSets } from '../../src/stores/postgres/postgres-processed-sets.ts'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/stores/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/stores/postgres/schema.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { redisPersonalKeyStore } from '../../src/stores/redis/redis-personal-key-store.ts'
import { redisProcessedSets } from '../../src/stores/redis/redis-processed-sets.ts'
import { redisStores } from '../../src/stores/redis/redis-stores.ts'
import { foundIn, playSession } from '../stores/busy-session.ts'
import { clock } from '../support/actors.ts'
import { service as postgres } from './postgres.service.ts'
import { redisServer } from './redis-server.ts'

const secret = Buffer.from('canary secret of stores, 32 bytes')

describe('STO-01 a server after a busy session has no principal, delegation, call, command, argument, person, event or secret', () => {
  it('in the files of Redis, or in any of its keys', async () => {
    const server = await redisServer()
    await server.start()
    const client = new Redis({ port: server.port, host: '127.0.0.1' })
    try {
      await prepareRedisStores({ client, secret, epoch: 0, timeoutMs: 20_000 })
      const given = { client, secret, clock, timeoutMs: 20_000 }
      const texts = await playSession(
        {
          stores: redisStores(given),
          keys: redisPersonalKeyStore({ client, secret, timeoutMs: 20_000 }),
          processed: redisProcessedSets(given),
        },
        secret,
      )
      const log = join(server.folder, 'appendonlydir')
      const files = readdirSync(log).map((name) => readFileSync(join(log, name)))
      const names = await client.keys('*')
      expect(names.length).toBeGreaterThan(12)
      const values = await Promise.all(names.map((name) => client.dumpBuffer(name)))
      const dump = Buffer.concat([...files, Buffer.from(names.join('\n')), ...values])
      expect(dump.length).toBeGreaterThan(10_000)
      expect(foundIn(dump, texts)).toEqual([])
    } finally {
      client.disconnect()
      await server.remove()
    }
  })

  it('in a dump of PostgreSQL', async () => {
    const address = process.env['PROCURA_POSTGRES'] ?? ''
    const client = new Pool({ connectionString: address, max: 2 })
    const prefix = 'privacy'
    try {
      await client.query(postgresStoreSchema({ prefix }))
      await preparePostgresStores({ client, secret, prefix, epoch: 0, timeoutMs: 20_000 })
      const given = { client, secret, prefix, timeoutMs: 20_000 }
      const texts = await playSession(
        {
          stores: postgresStores({ ...given, clock }),
          keys: postgresPersonalKeyStore(given),
          processed: postgresProcessedSets({ ...given, clock }),
        },
        secret,
      )
      const program = join(dirname(realpathSync(postgres.find() as string)), 'pg_dump')
      const dump = execFileSync(program, ['-d', address, '-t', `${prefix}_*`, '--inserts'])
      expect(dump.toString()).toContain(`INSERT INTO public.${prefix}_limit_holds`)
      expect(foundIn(dump, texts)).toEqual([])
    } finally {
      await client.end()
    }
  })
})
