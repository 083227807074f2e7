import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PostgresStoreClient } from '../../src/state/postgres/connection.ts'
import { postgresStores } from '../../src/state/postgres/postgres-stores.ts'
import { preparePostgresStores } from '../../src/state/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/state/postgres/schema.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../src/testing/limit-store-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'
import { playScenario, scenarioVerdicts } from '../state/call-store-scenario.ts'
import { clock as fixedClock } from '../support/actors.ts'
import { service } from './pgbouncer.service.ts'
import { accountOf, isReady } from './postgres.service.ts'
import { type PostgresServer, postgresServer } from './postgres-server.ts'
import { freePort, launch } from './service.ts'

const secret = new Uint8Array(32).fill(7)
const server: PostgresServer = await postgresServer()
let folder: string
let address: string
let owner: Pool
let stop: () => Promise<void>

/** Starts the pooler in front of the server. It has two connections, which it gives to a transaction at a time. */
beforeAll(async () => {
  await server.start()
  folder = mkdtempSync(join(tmpdir(), 'procura-pgbouncer-'))
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  writeFileSync(
    file,
    `[databases]
* = host=127.0.0.1 port=${server.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
`,
  )
  const user = process.getuid?.() === 0 ? accountOf('postgres') : undefined
  if (user !== undefined) {
    chmodSync(folder, 0o755)
    for (const path of [folder, file]) chownSync(path, user.uid, user.gid)
  }
  const program = service.find() ?? ''
  ;({ stop } = await launch(program, { arguments: [file], ...(user && { user }), isReady: () => isReady(port) }))
  address = `postgres://postgres@127.0.0.1:${port}/postgres`
  owner = new Pool({ connectionString: address, max: 2 })
})
afterAll(async () => {
  await owner.end()
  await stop()
  await server.remove()
  rmSync(folder, { recursive: true })
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
    return { client, prefix, secret, clock, timeoutMs: 10_000 }
  }
  await owner.query(postgresStoreSchema({ prefix }))
  await preparePostgresStores({ client: owner, secret, prefix, epoch: 0 })
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
