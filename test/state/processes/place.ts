import { Redis } from 'ioredis'
import { Pool } from 'pg'
import { postgresStores } from '../../../src/state/postgres/postgres-stores.ts'
import { redisStores } from '../../../src/state/redis/redis-stores.ts'
import type { SharedStores } from '../../../src/state/shared-stores.ts'
import { sqliteStores } from '../../../src/state/sqlite/sqlite-stores.ts'
import { type Driver, loadDriver } from './open-driver.ts'

/** Where the stores of a process are. */
export type StoresPlace =
  | { readonly kind: 'sqlite'; readonly file: string; readonly driver: Driver }
  | { readonly kind: 'redis'; readonly port: number; readonly timeoutMs?: number }
  | { readonly kind: 'postgres'; readonly address: string; readonly timeoutMs?: number }

/** The secret of these stores. */
export const secret: Uint8Array = new Uint8Array(32).fill(9)

/** Opens the stores of a place. They are closed when the process ends. */
export async function openStores(place: StoresPlace): Promise<SharedStores> {
  const timeout = 'timeoutMs' in place ? { timeoutMs: place.timeoutMs } : {}
  switch (place.kind) {
    case 'sqlite': {
      const open = await loadDriver(place.driver)
      return sqliteStores({ database: open(place.file), secret, busyTimeoutMs: 5000 })
    }
    case 'redis': {
      const client = new Redis({ port: place.port, host: '127.0.0.1', retryStrategy: () => 20 })
      client.on('error', () => undefined)
      return redisStores({ client, secret, ...timeout })
    }
    case 'postgres': {
      const client = new Pool({ connectionString: place.address, max: 4, query_timeout: place.timeoutMs ?? 2000 })
      client.on('error', () => undefined)
      return postgresStores({ client, secret, ...timeout })
    }
  }
}
