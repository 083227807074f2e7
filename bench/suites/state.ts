import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import sqlite from 'node-sqlite3-wasm'
import { Pool } from 'pg'
import type { AuthorizeOptions } from 'procura'
import { memoryStores } from 'procura/store/memory'
import { postgresStoreSchema, postgresStores, preparePostgresStores } from 'procura/store/postgres'
import { prepareRedisStores, redisStores } from 'procura/store/redis'
import { prepareSqliteStores, sqliteStores } from 'procura/store/sqlite'
import { service as postgres } from '../../test/services/postgres.service.ts'
import { postgresServer } from '../../test/services/postgres-server.ts'
import { service as redis } from '../../test/services/redis.service.ts'
import { redisServer } from '../../test/services/redis-server.ts'
import { type Contender, type Measurement, measure } from '../harness/measure.ts'
import type { Suite, Table } from '../harness/suite.ts'
import { number, timesTable } from '../harness/table.ts'
import { delegationName } from '../setup/delegation-name.ts'

const atATime = 64
const secret = new Uint8Array(32).fill(1)
type Stores = Required<Pick<AuthorizeOptions, 'replay' | 'revocations' | 'limitStore'>> &
  Pick<AuthorizeOptions, 'callStore'>

/** The look-up, the claim and the reservation of one call, which are what shared stores add to it. */
export const suite: Suite = {
  name: 'state',
  async run({ effort, smoke }) {
    const folder = mkdtempSync(join(tmpdir(), 'procura-bench-'))
    const server = redis.find() === undefined ? undefined : await redisServer()
    await server?.start()
    const client = server && new Redis({ port: server.port, host: '127.0.0.1' })
    const database = postgres.find() === undefined ? undefined : await postgresServer()
    await database?.start()
    const pool =
      database && new Pool({ connectionString: `postgres://postgres@127.0.0.1:${database.port}/postgres`, max: 4 })
    const sizes = smoke ? ([0, 100] as const) : ([1_000, 1_000_000] as const)
    const databases: { close(): void }[] = []
    const contenders: Contender[] = []
    const add = async (name: string, size: number, stores: Stores) => {
      const next = asker(stores, `${name} ${size}`)
      for (let filled = 0; filled < size; filled += 500) await next(Math.min(500, size - filled))
      contenders.push(
        { name: `${name}, ${number(size)} entries`, run: () => next(1) },
        {
          name: `${name}, ${number(size)} entries, ${atATime} at a time`,
          run: () => next(atATime),
          operations: atATime,
        },
      )
    }
    try {
      for (const size of sizes) {
        await add('memory', size, memoryStores())
        const file = new sqlite.Database(join(folder, `${size}.db`))
        databases.push(file)
        prepareSqliteStores({ database: file, secret, epoch: 0 })
        await add('SQLite (node-sqlite3-wasm)', size, sqliteStores({ database: file, secret }))
        const options = { secret, prefix: `size_${size}`, timeoutMs: 10_000 }
        if (client !== undefined) {
          await prepareRedisStores({ ...options, client, epoch: 0 })
          await add('Redis (ioredis, appendfsync always)', size, redisStores({ ...options, client }))
        }
        if (pool !== undefined) {
          await pool.query(postgresStoreSchema({ prefix: options.prefix }))
          await preparePostgresStores({ ...options, client: pool, epoch: 0 })
          await add('PostgreSQL (pg, fsync off)', size, postgresStores({ ...options, client: pool }))
        }
      }
      const measured = await measure(contenders, effort)
      return {
        tables: [
          timesTable('The look-up, the claim and the reservation of a call, by store', measured),
          growthTable(measured, sizes),
        ],
        figures: {},
      }
    } finally {
      client?.disconnect()
      await server?.remove()
      await pool?.end()
      await database?.remove()
      for (const file of databases) file.close()
      rmSync(folder, { recursive: true })
    }
  },
}

/** How many times as long a call takes with the larger number of entries. */
function growthTable(measured: readonly Measurement[], [few, many]: readonly [number, number]): Table {
  const rows = measured.flatMap(({ name, median }): string[][] => {
    const small = `, ${number(few)} entries`
    if (!name.includes(small)) return []
    const large = measured.find((other) => other.name === name.replace(small, `, ${number(many)} entries`))
    return large === undefined ? [] : [[name.replace(small, ''), `${(large.median / median).toFixed(2)} ×`]]
  })
  return {
    title: `The same with ${number(many)} entries instead of ${number(few)}`,
    columns: ['store', 'growth'],
    rows,
  }
}

/**
 * Makes new calls, each with a look-up of three delegations that are not revoked, and one use of a limit: in one request
 * where the stores are asked together.
 */
function asker(stores: Stores, name: string): (count: number) => Promise<unknown> {
  const { callStore, limitStore, replay, revocations } = stores
  const ids = [0, 1, 2].map(delegationName)
  const expiration = Math.floor(Date.now() / 1000) + 3600
  let serial = 0
  const one = async (): Promise<void> => {
    const key = `${name} ${serial++}`
    // A thousand delegations, each with a limit of its own.
    const limit = { key: `limit ${serial % 1_000}`, kind: 'total', maximum: 1e12, amount: 1, expiration } as const
    const limits = { reservation: key, entries: [limit], deadline: expiration, commit: true }
    if (callStore !== undefined) {
      const answer = await callStore.ask({ ids, claim: { key, expiration, acceptedFrom: undefined }, limits }, {})
      const reserved = answer.limits?.status === 'fulfilled' && answer.limits.value.reserved
      if (!reserved) throw new Error('a new call was refused')
      return
    }
    const found = await revocations.findRevocations(ids, {})
    const first = await replay.claim(key, expiration, {})
    const { reserved } = await limitStore.reserve(limits, {})
    if (found.length > 0 || first !== true || !reserved) throw new Error('a new call was refused')
  }
  return (count) => Promise.all(Array.from({ length: count }, one))
}
