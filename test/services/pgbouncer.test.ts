import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresStoreClient } from '../../src/stores/postgres/connection.ts'
import { postgresStores } from '../../src/stores/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/stores/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/stores/postgres/schema.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../src/testing/limit-store-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'
import { playScenario, scenarioVerdicts } from '../stores/call-store-scenario.ts'
import { clock as fixedClock } from '../support/actors.ts'
import { type Pgbouncer, startPgbouncer } from './pgbouncer-server.ts'
import { type PostgresServer, postgresServer } from './postgres-server.ts'

const secret = new Uint8Array(32).fill(7)
// A busy machine needs longer than the default.
const timeoutMs = 20_000
const server: PostgresServer = await postgresServer()
let pooler: Pgbouncer
let address: string
let owner: Pool

beforeAll(async () => {
  await server.start()
  pooler = await startPgbouncer(server.port)
  address = `postgres://postgres@127.0.0.1:${pooler.port}/postgres`
  owner = new Pool({ connectionString: address, max: 2 })
})
afterAll(async () => {
  await owner.end()
  await pooler.stop()
  await server.remove()
})

let stores = 0

async function openStore<Store>(
  open: (options: { client: PostgresStoreClient; prefix: string; secret: Uint8Array; clock: Clock }) => Store,
  clock: Clock,
): Promise<OpenedStore<Store>> {
  stores += 1
  const prefix = `pooled_${stores}`
  const pools: Pool[] = []
  const next = () => {
    const client = new Pool({ connectionString: address, max: 4 })
    pools.push(client)
    return { client, prefix, secret, clock, timeoutMs }
  }
  await owner.query(postgresStoreSchema({ prefix }))
  await preparePostgresStores({ client: owner, secret, prefix, epoch: 0, timeoutMs })
  return {
    store: open(next()),
    another: async () => open(next()),
    async close() {
      await Promise.all(pools.map((pool) => pool.end()))
    },
  }
}

describe('STO-06 stores in PostgreSQL behind a pooler in transaction mode', () => {
  const without = { without: ['interrupt', 'erase'] } as const
  const cases = [
    ...replayStoreCases(({ clock }) => openStore((options) => postgresStores(options).replay, clock), without),
    ...revocationStoreCases(({ clock }) => openStore((options) => postgresStores(options).revocations, clock), without),
    ...revocationJournalCases(
      ({ clock }) => openStore((options) => postgresStores(options).revocations, clock),
      without,
    ),
    ...limitStoreCases(({ clock }) => openStore((options) => postgresStores(options).limitStore, clock), without),
  ]
  for (const { name, run } of cases) it(name, run)

  it('STO-11 decide as they do without it', async () => {
    const opened = await openStore((options) => postgresStores(options), fixedClock)
    expect(await playScenario(opened.store)).toEqual(scenarioVerdicts)
    await opened.close()
  })
})
