// node only: starts servers

import { Redis } from 'ioredis'
import { prepareRedisStores } from '../../src/stores/redis/prepare-redis-stores.ts'
import { patient, type StoresPlace, secret } from '../stores/processes/place.ts'
import { redisServer } from './redis-server.ts'
import { startPreparedPostgres } from './store-pair.ts'

/** A server of its own with prepared stores, whose data survives its end. */
export interface StoreServer {
  readonly port: number
  /** The place of the stores, at the port of the server or of a proxy before it. */
  placeAt(port: number, host?: string): Exclude<StoresPlace, { kind: 'sqlite' }>
  start(): Promise<void>
  kill(): Promise<void>
  remove(): Promise<void>
}

/** Starts Redis, and prepares stores in it. */
export async function startRedisStores(): Promise<StoreServer> {
  const server = await redisServer()
  await server.start()
  const client = new Redis({ port: server.port, host: '127.0.0.1' })
  await prepareRedisStores({ client, secret, epoch: 0, timeoutMs: patient.timeoutMs })
  client.disconnect()
  return { ...server, placeAt: (port, host) => ({ kind: 'redis', port, ...(host !== undefined && { host }) }) }
}

/** Starts PostgreSQL, and prepares stores in it. */
export async function startPostgresStores(): Promise<StoreServer> {
  const server = await startPreparedPostgres()
  const addressAt = (port: number, host = '127.0.0.1'): string => `postgres://postgres@${host}:${port}/postgres`
  return { ...server, placeAt: (port, host) => ({ kind: 'postgres', address: addressAt(port, host) }) }
}
