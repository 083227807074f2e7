import { postgresStores } from '../../../src/stores/postgres/postgres-stores.ts'
import type { RedisStoreClient } from '../../../src/stores/redis/client.ts'
import { redisStores } from '../../../src/stores/redis/redis-stores.ts'
import type { ServerStores, SharedStores } from '../../../src/stores/shared-stores.ts'
import { sqliteStores } from '../../../src/stores/sqlite/sqlite-stores.ts'
import { type Clock, systemClock } from '../../../src/time.ts'
import { type Driver, loadDriver } from './open-driver.ts'

/** Where the stores of a process are. */
export type StoresPlace =
  | { readonly kind: 'sqlite'; readonly file: string; readonly driver: Driver; readonly apart?: boolean }
  | ({
      readonly kind: 'redis'
      readonly port: number
      readonly host?: string
      readonly client?: RedisClientName
      /**
       * Whether a client of the kind of ioredis asks each connection for an answer before it uses it. Default false.
       */
      readonly readyCheck?: boolean
    } & ServerPlace)
  | ({ readonly kind: 'postgres'; readonly address: string } & ServerPlace)

/** The clients of Redis. */
export type RedisClientName = 'ioredis' | 'iovalkey' | 'redis'

/** How the stores of a server are asked. */
interface ServerPlace {
  readonly timeoutMs?: number
  /** How long a client may take to connect. Default: 500, as in `spec/state.md`. */
  readonly connectMs?: number
  /** Whether each store is asked by itself, without a `callStore`. */
  readonly apart?: boolean
  /** Of the stores and of the service. Default: the tolerance of the library. */
  readonly clockTolerance?: number
}

/** For tests of a verdict, on a machine that needs longer than the defaults: a call that times out is refused. */
export const patient: { readonly timeoutMs: number; readonly connectMs: number } = {
  timeoutMs: 30_000,
  connectMs: 30_000,
}

/** The secret of these stores. */
export const secret: Uint8Array = new Uint8Array(32).fill(9)

/**
 * Opens the stores of a place. They are closed when the process ends.
 *
 * @param clock - of the stores, by default that of the host.
 */
export async function openStores(
  place: StoresPlace,
  clock: Clock = systemClock,
): Promise<SharedStores & Partial<ServerStores>> {
  if (place.kind === 'sqlite') {
    const open = await loadDriver(place.driver)
    const stores = sqliteStores({ database: open(place.file), secret, busyTimeoutMs: 5000, clock })
    return withoutCallStore(stores, place.apart)
  }
  return withoutCallStore(await openServerStores(place, clock), place.apart)
}

function withoutCallStore(
  { callStore, ...stores }: ServerStores,
  apart: boolean | undefined,
): SharedStores & Partial<ServerStores> {
  return apart ? stores : { ...stores, callStore }
}

async function openServerStores(place: Exclude<StoresPlace, { kind: 'sqlite' }>, clock: Clock): Promise<ServerStores> {
  const { timeoutMs, clockTolerance } = place
  const settings = { secret, clock, ...(timeoutMs && { timeoutMs }), ...(clockTolerance && { clockTolerance }) }
  switch (place.kind) {
    case 'redis':
      return redisStores({ ...settings, client: await openRedis(place) })
    case 'postgres': {
      const { Pool } = await import('pg')
      const { address: connectionString, connectMs: connectionTimeoutMillis = 500 } = place
      const client = new Pool({ connectionString, max: 4, connectionTimeoutMillis })
      client.on('error', () => undefined)
      return postgresStores({ ...settings, client })
    }
  }
}

/** Opens a client with the options of `spec/state.md`. Only that client is loaded, so a process starts quickly. */
async function openRedis({
  client: name = 'ioredis',
  host = '127.0.0.1',
  port,
  readyCheck = false,
  connectMs: connectTimeout = 500,
}: StoresPlace & { kind: 'redis' }): Promise<RedisStoreClient> {
  if (name === 'redis') {
    const { createClient } = await import('redis')
    const client = createClient({ socket: { host, port, connectTimeout, reconnectStrategy: () => 100 } })
    client.on('error', () => undefined)
    client.connect().catch(() => undefined)
    return client as RedisStoreClient
  }
  const options = { host, port, connectTimeout, retryStrategy: () => 100, enableReadyCheck: readyCheck }
  const client =
    name === 'ioredis' ? new (await import('ioredis')).Redis(options) : new (await import('iovalkey')).Redis(options)
  client.on('error', () => undefined)
  return client as RedisStoreClient
}
