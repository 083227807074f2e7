import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import sqlite from 'node-sqlite3-wasm'
import { Pool } from 'pg'
import type { AuthorizeOptions } from 'procura'
import { type LimitRequest, memoryLimitStore, memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
import { postgresStoreSchema, postgresStores, preparePostgresStores } from 'procura/store/postgres'
import { prepareRedisStores, redisStores } from 'procura/store/redis'
import { prepareSqliteStores, sqliteStores } from 'procura/store/sqlite'
import { service as postgres } from '../../test/services/postgres.service.ts'
import { postgresServer } from '../../test/services/postgres-server.ts'
import { service as redis } from '../../test/services/redis.service.ts'
import { redisServer } from '../../test/services/redis-server.ts'
import { type Contender, type Measurement, measure } from '../harness/measure.ts'
import type { Effort, Suite, Table } from '../harness/suite.ts'
import { number, time, timesTable } from '../harness/table.ts'
import { makeChain } from '../setup/chain.ts'
import { decideWarm } from '../setup/deciders.ts'
import { delegationName } from '../setup/delegation-name.ts'
import {
  arrivalMinutes,
  assertFilled,
  callName,
  type FilledStores,
  type Filling,
  fillingOf,
  fillMemory,
  fillPostgres,
  fillRedis,
  fillSqlite,
} from '../setup/fill-stores.ts'

const atATime = 64
const decision = 'for comparison: a warm decision, 3 delegations'
/**
 * A turn takes many times as long as the processor takes to read the entries of a store into its caches again, after
 * those of the other stores.
 */
const steady: Effort = { rounds: 41, turnMs: 30 }
const secret = new Uint8Array(32).fill(1)
type Stores = FilledStores & Pick<AuthorizeOptions, 'callStore'>

/** A kind of store. */
interface Kind {
  readonly name: string
  /** Returns new stores with entries. */
  open(filling: Filling): Promise<Stores>
  close(): Promise<void>
}

/** The look-up, the claim and the reservation of one call, which are what shared stores add to it. */
export const suite: Suite = {
  name: 'state',
  async run({ effort, smoke }) {
    const sizes = smoke ? ([100, 200] as const) : ([1_000, 1_000_000] as const)
    const kinds = [memoryKind(), sqliteKind()]
    const contenders: Contender[] = []
    try {
      if (redis.find() !== undefined) kinds.push(await redisKind())
      if (postgres.find() !== undefined) kinds.push(await postgresKind())
      for (const size of sizes) {
        const filling = fillingOf(size, secret, Math.floor(Date.now() / 1000) + 3600)
        for (const { name, open } of kinds) {
          const stores = await open(filling)
          await assertFilled(stores, filling)
          const run = `${name}, ${number(size)} entries`
          contenders.push({ name: run, ...asker(stores, filling, 1) })
          contenders.push({ name: `${run}, ${atATime} at a time`, ...asker(stores, filling, atATime) })
        }
      }
      const alone = { name: decision, run: decideWarm(await makeChain(3)) }
      const measured = await measure([alone, ...contenders], smoke ? effort : steady)
      return {
        tables: [
          timesTable('The look-up, the claim and the reservation of a call, by store', measured),
          growthTable(measured, sizes),
        ],
        figures: {},
      }
    } finally {
      for (const { close } of kinds) await close()
    }
  },
}

function memoryKind(): Kind {
  const maxEntries = 10_000_000
  return {
    name: 'memory',
    async open(filling) {
      const replay = memoryReplayStore({ maxEntries })
      const stores = { replay, revocations: memoryRevocationStore(), limitStore: memoryLimitStore({ maxEntries }) }
      await fillMemory(stores, filling)
      return stores
    },
    async close() {},
  }
}

function sqliteKind(): Kind {
  const folder = mkdtempSync(join(tmpdir(), 'procura-bench-'))
  const databases: { close(): void }[] = []
  return {
    name: 'SQLite (node-sqlite3-wasm)',
    async open(filling) {
      const path = join(folder, `${databases.length}.db`)
      const filled = new sqlite.Database(path)
      prepareSqliteStores({ database: filled, secret, epoch: 0 })
      fillSqlite(filled, filling)
      filled.close()
      const database = new sqlite.Database(path)
      databases.push(database)
      return sqliteStores({ database, secret })
    },
    async close() {
      for (const database of databases) database.close()
      rmSync(folder, { recursive: true })
    },
  }
}

async function redisKind(): Promise<Kind> {
  const server = await redisServer()
  await server.start()
  const client = new Redis({ port: server.port, host: '127.0.0.1' })
  return {
    name: 'Redis (ioredis, appendfsync always)',
    async open(filling) {
      const options = { client, secret, prefix: `size_${filling.calls.count}`, timeoutMs: 10_000 }
      await prepareRedisStores({ ...options, epoch: 0 })
      await fillRedis(client, options.prefix, filling)
      return redisStores(options)
    },
    async close() {
      client.disconnect()
      await server.remove()
    },
  }
}

async function postgresKind(): Promise<Kind> {
  const server = await postgresServer()
  await server.start()
  const client = new Pool({ connectionString: `postgres://postgres@127.0.0.1:${server.port}/postgres`, max: 4 })
  return {
    name: 'PostgreSQL (pg, fsync off)',
    async open(filling) {
      const options = { client, secret, prefix: `size_${filling.calls.count}`, timeoutMs: 10_000 }
      await client.query(postgresStoreSchema({ prefix: options.prefix }))
      await preparePostgresStores({ ...options, epoch: 0 })
      await fillPostgres(client, options.prefix, filling)
      return postgresStores(options)
    },
    async close() {
      await client.end()
      await server.remove()
    },
  }
}

/**
 * How many times as long the stores take with the larger number of entries, and how many times as long a whole
 * decision.
 */
function growthTable(measured: readonly Measurement[], [few, many]: readonly [number, number]): Table {
  const medianOf = (wanted: string): number => measured.find(({ name }) => name === wanted)?.median ?? Number.NaN
  const verification = medianOf(decision)
  const small = `, ${number(few)} entries`
  const rows = measured
    .filter(({ name }) => name.includes(small))
    .map(({ name, median }) => {
      const large = medianOf(name.replace(small, `, ${number(many)} entries`))
      const whole = (verification + large) / (verification + median)
      return [name.replace(small, ''), times(large / median), time(Math.max(0, large - median)), times(whole)]
    })
  return {
    title: `The same with ${number(many)} entries instead of ${number(few)}`,
    columns: ['store', 'the stores alone', 'more for a call', 'with the decision'],
    rows,
    notes: [
      `Entries are used calls, which arrived evenly within ${arrivalMinutes} minutes. There are a tenth as many revocations, and as many limits.`,
      `The decision took ${time(verification)}.`,
    ],
  }
}

function times(ratio: number): string {
  return `${ratio.toFixed(2)} ×`
}

/** A new call: three delegations that are not revoked, and one use of a limit. */
interface Call {
  readonly key: string
  readonly ids: readonly string[]
  readonly limits: LimitRequest
}

/**
 * Makes new calls, and asks about so many at a time: in one request where the stores are asked together. Each call has
 * other delegations and another limit than the call before. The names of a call are not timed.
 */
function asker(stores: Stores, filling: Filling, operations: number): Omit<Contender, 'name'> {
  let calls: Call[] = []
  const next = (): Promise<void> => ask(stores, calls.pop() as Call, filling.expiration)
  return {
    operations,
    prepare: (times) => {
      calls = Array.from({ length: times * operations }, () => newCall(filling))
    },
    run: () => Promise.all(Array.from({ length: operations }, next)),
  }
}

let serial = 0

function newCall({ expiration, limits: filled }: Filling): Call {
  serial += 1
  const key = callName(`new${serial}`)
  // Far from the limit of the call before, as those of other agents are.
  const limitKey = filled.nameOf((serial * 7_919) % filled.count)
  const limit = { key: limitKey, kind: 'total', maximum: 1e12, amount: 1, expiration } as const
  return {
    key,
    ids: [0, 1, 2].map((at) => delegationName(3 * serial + at)),
    limits: { reservation: key, entries: [limit], deadline: expiration, commit: true },
  }
}

async function ask(
  { callStore, limitStore, replay, revocations }: Stores,
  { key, ids, limits }: Call,
  expiration: number,
): Promise<void> {
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
