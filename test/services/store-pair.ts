// node only: starts servers

/**
 * Two servers of stores: a primary one, and one that takes over when the first one fails.
 *
 * @module
 */

import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { preparePostgresStores } from '../../src/stores/postgres/prepare-postgres-stores.ts'
import { postgresStoreSchema } from '../../src/stores/postgres/schema.ts'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { patient, type StoresPlace, secret } from '../stores/processes/place.ts'
import { type PostgresServer, postgresServer } from './postgres-server.ts'
import { type Proxy as Network, proxyTo } from './proxy.ts'
import { redisServer } from './redis-server.ts'

const settings = { secret, timeoutMs: patient.timeoutMs }

/** A primary server with prepared stores, and its replica. */
export interface StorePair {
  /** The port of the primary. */
  readonly port: number
  placeAt(port: number): Exclude<StoresPlace, { kind: 'sqlite' }>
  /** Between the two servers. */
  readonly replication: Network
  /** Prepares the stores of the server at a port again, as their operator does. */
  prepare(port: number, epoch?: number): Promise<void>
  /** Erases all data of the primary. */
  loseAll(): Promise<void>
  killPrimary(): Promise<void>
  /** Makes the replica a primary server, whatever became of the other one. Returns its port. */
  promote(): Promise<number>
  remove(): Promise<void>
}

/**
 * Starts two servers of Redis. The replica is behind by some milliseconds, or more if the network between them fails.
 */
export async function startRedisPair(): Promise<StorePair> {
  const primary = await redisServer()
  await primary.start()
  const replication = await proxyTo(primary.port)
  const replica = await redisServer('--replicaof', '127.0.0.1', String(replication.port))
  await replica.start()
  const prepare = (port: number, epoch?: number): Promise<void> =>
    withRedis(port, (client) => prepareRedisStores({ client, ...settings, ...(epoch !== undefined && { epoch }) }))
  await prepare(primary.port, 0)
  await untilTrue(() => withRedis(replica.port, async (client) => (await client.exists('{procura}:stores')) === 1))
  return {
    port: primary.port,
    placeAt: (port) => ({ kind: 'redis', port }),
    replication,
    prepare,
    loseAll: () => withRedis(primary.port, async (client) => void (await client.flushall())),
    killPrimary: primary.kill,
    async promote() {
      await withRedis(replica.port, (client) => client.replicaof('NO', 'ONE'))
      return replica.port
    },
    async remove() {
      await replication.close()
      for (const server of [primary, replica]) await server.remove()
    },
  }
}

/**
 * Starts two servers of PostgreSQL.
 *
 * @param synchronous - whether the primary answers a write when the standby has it, too.
 */
export async function startPostgresPair({ synchronous }: { readonly synchronous: boolean }): Promise<StorePair> {
  const primary = await startPreparedPostgres()
  const { standby, replication } = await startStandby(primary.port, synchronous)
  return {
    port: primary.port,
    placeAt: (port) => ({ kind: 'postgres', address: addressAt(port) }),
    replication,
    prepare: preparePostgres,
    loseAll: () =>
      withPostgres(primary.port, async (client) => {
        await client.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
      }),
    killPrimary: primary.kill,
    async promote() {
      await promoteStandby(standby.port)
      return standby.port
    },
    async remove() {
      await replication.close()
      for (const server of [primary, standby]) await server.remove()
    },
  }
}

/** Starts PostgreSQL, and prepares stores in it. */
export async function startPreparedPostgres(): Promise<PostgresServer> {
  const server = await postgresServer()
  await server.start()
  await preparePostgres(server.port, 0)
  return server
}

async function preparePostgres(port: number, epoch?: number): Promise<void> {
  await withPostgres(port, async (client) => {
    await client.query(postgresStoreSchema())
    await preparePostgresStores({ client, ...settings, ...(epoch !== undefined && { epoch }) })
  })
}

/** A standby of a server, and the network between the two. */
export interface Standby {
  readonly standby: PostgresServer
  readonly replication: Network
}

/** Starts a standby of a server that runs, and waits until it follows. */
export async function startStandby(port: number, synchronous: boolean): Promise<Standby> {
  const replication = await proxyTo(port)
  const settings = [`primary_conninfo=host=127.0.0.1 port=${replication.port} user=postgres`]
  const standby = await postgresServer({ copyOf: port, settings })
  await standby.start()
  const state = synchronous ? 'sync' : 'async'
  if (synchronous) {
    await withPostgres(port, async (client) => {
      await client.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`)
      await client.query('SELECT pg_reload_conf()')
    })
  }
  await untilTrue(() =>
    withPostgres(port, async (client) => {
      const { rows } = await client.query(`SELECT 1 FROM pg_stat_replication WHERE sync_state = '${state}'`)
      return rows.length === 1
    }),
  )
  return { standby, replication }
}

/** Makes a standby a server of its own, which does not wait for another one. */
export async function promoteStandby(port: number): Promise<void> {
  await withPostgres(port, async (client) => {
    await client.query('SELECT pg_promote(true, 60)')
    await client.query(`ALTER SYSTEM RESET synchronous_standby_names`)
    await client.query('SELECT pg_reload_conf()')
  })
}

function addressAt(port: number): string {
  return `postgres://postgres@127.0.0.1:${port}/postgres`
}

async function withPostgres<T>(port: number, task: (client: Pool) => Promise<T>): Promise<T> {
  const client = new Pool({ connectionString: addressAt(port), max: 1 })
  client.on('error', () => undefined)
  try {
    return await task(client)
  } finally {
    await client.end()
  }
}

async function withRedis<T>(port: number, task: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis({ port, host: '127.0.0.1' })
  client.on('error', () => undefined)
  try {
    return await task(client)
  } finally {
    client.disconnect()
  }
}

async function untilTrue(ask: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt++) {
    if (await ask()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('the second server does not follow the first one')
}
