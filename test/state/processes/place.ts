import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { postgresStores } from '../../../src/state/postgres/postgres-stores.ts'
import { redisStores } from '../../../src/state/redis/redis-stores.ts'
import type { ServerStores, SharedStores } from '../../../src/state/shared-stores.ts'
import { sqliteStores } from '../../../src/state/sqlite/sqlite-stores.ts'
import { type Driver, loadDriver } from './open-driver.ts'

/** Where the stores of a process are. */
export type StoresPlace =
  | { readonly kind: 'sqlite'; readonly file: string; readonly driver: Driver; readonly apart?: boolean }
  | ({ readonly kind: 'redis'; readonly port: number } & ServerPlace)
  | ({ readonly kind: 'postgres'; readonly address: string } & ServerPlace)

/** How the stores of a server are asked. */
interface ServerPlace {
  readonly timeoutMs?: number
  /** Whether each store is asked by itself, without a `callStore`. */
  readonly apart?: boolean
  /** Of the stores and of the service. Default: the tolerance of the library. */
  readonly clockTolerance?: number
}

/** The secret of these stores. */
export const secret: Uint8Array = new Uint8Array(32).fill(9)

/** Opens the stores of a place. They are closed when the process ends. */
export async function openStores(place: StoresPlace): Promise<SharedStores & Partial<ServerStores>> {
  if (place.kind === 'sqlite') {
    const open = await loadDriver(place.driver)
    return withoutCallStore(sqliteStores({ database: open(place.file), secret, busyTimeoutMs: 5000 }), place.apart)
  }
  return withoutCallStore(openServerStores(place), place.apart)
}

function withoutCallStore(
  { callStore, ...stores }: ServerStores,
  apart: boolean | undefined,
): SharedStores & Partial<ServerStores> {
  return apart ? stores : { ...stores, callStore }
}

function openServerStores(place: Exclude<StoresPlace, { kind: 'sqlite' }>): ServerStores {
  const { timeoutMs, clockTolerance } = place
  const settings = { secret, ...(timeoutMs && { timeoutMs }), ...(clockTolerance && { clockTolerance }) }
  switch (place.kind) {
    case 'redis': {
      const reconnect = { retryStrategy: () => 20, enableReadyCheck: false }
      const client = new Redis({ port: place.port, host: '127.0.0.1', ...reconnect })
      client.on('error', () => undefined)
      return redisStores({ ...settings, client })
    }
    case 'postgres': {
      const client = new Pool({ connectionString: place.address, max: 4, query_timeout: timeoutMs ?? 2000 })
      client.on('error', () => undefined)
      return postgresStores({ ...settings, client })
    }
  }
}
