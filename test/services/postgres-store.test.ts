import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresStoreClient } from '../../src/state/postgres/connection.ts'
import { postgresPersonalKeyStore } from '../../src/state/postgres/postgres-personal-key-store.ts'
import { postgresStores } from '../../src/state/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/state/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/state/postgres/schema.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'

const address = process.env['PROCURA_POSTGRES'] ?? ''
const secret = new Uint8Array(32).fill(7)
const role = 'store_service'
let owner: Pool

beforeAll(async () => {
  owner = new Pool({ connectionString: address, max: 2 })
  await owner.query(`CREATE ROLE ${role} LOGIN`)
})
afterAll(() => owner.end())

let stores = 0

/** Stores with tables of their own, each handle with a pool of the role of the service. */
async function openStore<Store>(
  clock: Clock,
  open: (options: { client: PostgresStoreClient; prefix: string; secret: Uint8Array }) => Store,
): Promise<OpenedStore<Store>> {
  stores += 1
  const prefix = `test_${stores}`
  const pools: Pool[] = []
  const next = () => {
    const pool = new Pool({ connectionString: address.replace('postgres@', `${role}@`), max: 2 })
    pool.on('error', () => undefined)
    pools.push(pool)
    return { client: pool, prefix, secret }
  }
  await owner.query(postgresStoreSchema({ prefix, role }))
  await preparePostgresStores({ ...next(), epoch: 0 })
  return {
    store: open(next()),
    another: async () => open(next()),
    async interrupt() {
      await owner.query(`ALTER ROLE ${role} NOLOGIN`)
      await owner.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [role])
    },
    async restore() {
      await owner.query(`ALTER ROLE ${role} LOGIN`)
    },
    async erase() {
      await owner.query(`TRUNCATE ${prefix}_stores, ${prefix}_calls, ${prefix}_revocations`)
    },
    prepareAgain: () => preparePostgresStores({ ...next(), clock }),
    async close() {
      await Promise.all(pools.map((pool) => pool.end()))
    },
  }
}

describe('STO-06 stores in PostgreSQL', () => {
  const cases = [
    ...replayStoreCases(async ({ clock }) => {
      const opened = await openStore(clock, (options) => postgresStores({ ...options, clock }).replay)
      return { ...opened, prune: () => opened.store.prune() }
    }),
    ...revocationStoreCases(async ({ clock }) => {
      const opened = await openStore(clock, (options) => postgresStores({ ...options, clock }).revocations)
      return { ...opened, prune: () => opened.store.prune() }
    }),
    ...personalKeyStoreCases(({ clock }) => openStore(clock, (options) => postgresPersonalKeyStore(options)), {
      without: ['erase'],
    }),
  ]
  for (const { name, run } of cases) it(name, run)

  it('are refused with another secret, and without tables', async () => {
    const other = new Uint8Array(32)
    await owner.query(postgresStoreSchema({ prefix: 'secrets' }))
    await preparePostgresStores({ client: owner, secret, prefix: 'secrets' })
    const prepared = preparePostgresStores({ client: owner, secret: other, prefix: 'secrets' })
    await expect(prepared).rejects.toThrow('another `secret`')
    const { replay, revocations } = postgresStores({ client: owner, secret: other, prefix: 'secrets' })
    await expect(replay.claim('a', 1, {})).rejects.toThrow('another `secret`')
    await expect(revocations.findRevocations([], {})).rejects.toThrow('another `secret`')
    const none = postgresStores({ client: owner, secret, prefix: 'none' })
    await expect(none.replay.claim('a', 1, {})).rejects.toThrow('run `postgresStoreSchema()`')
    await expect(none.revocations.findRevocations([], {})).rejects.toThrow('run `postgresStoreSchema()`')
  })
})
