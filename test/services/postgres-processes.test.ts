import { Pool } from 'pg'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { preparePostgresStores } from '../../src/state/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/state/postgres/schema.ts'
import { expectNetworkFailures } from '../state/processes/network.ts'
import { type StoresPlace, secret } from '../state/processes/place.ts'
import {
  expectGivenBack,
  expectNoSecondYes,
  expectOneYes,
  expectRevocationSeen,
  expectSharedBudget,
} from '../state/processes/shows.ts'
import { bundleVerifier } from '../state/processes/verifiers.ts'
import { type PostgresServer, postgresServer } from './postgres-server.ts'

const server: PostgresServer = await postgresServer()
const placeAt = (port: number): StoresPlace => ({
  kind: 'postgres',
  address: `postgres://postgres@127.0.0.1:${port}/postgres`,
})
const place = placeAt(server.port)
let program: string
let remove: () => void

beforeAll(async () => {
  await server.start()
  const client = new Pool({ connectionString: `postgres://postgres@127.0.0.1:${server.port}/postgres`, max: 1 })
  await client.query(postgresStoreSchema())
  await preparePostgresStores({ client, secret, epoch: 0 })
  await client.end()
  ;({ program, remove } = await bundleVerifier())
})
afterAll(async () => {
  await server.remove()
  remove()
})

describe('four processes that share stores in PostgreSQL', () => {
  it('RPL-01 allow one call of 1,000 copies once', () => expectOneYes({ program, place }, 1000))

  it('RPL-01 allow no call twice while the server is killed and started again', async () => {
    await expectNoSecondYes({ program, place }, { calls: 1000, failures: 3 }, async () => {
      await server.kill()
      await server.start()
    })
  })

  it('RPL-05 RVK-06 refuse calls with codes of their own while the network fails, and allow calls afterwards', () =>
    expectNetworkFailures(program, server.port, placeAt))

  it('LMT-12 allow 100 of 1,000 calls of 3 sub-agents who share a budget of 100', () =>
    expectSharedBudget({ program, place: { ...place, timeoutMs: 30_000 } as StoresPlace }, 1000, 100))

  it('LMT-15 give a use back after its deadline when a process ends between reservation and commit', () =>
    expectGivenBack({ program, place }))

  it('RVK-05 refuse the next call of a delegation that one of them revoked', () =>
    expectRevocationSeen({ program, place }))
})
