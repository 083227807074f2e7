import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import sqlite from 'node-sqlite3-wasm'
import type { AuthorizeOptions } from 'procura'
import { memoryStores } from 'procura/store/memory'
import { prepareRedisStores, redisStores } from 'procura/store/redis'
import { prepareSqliteStores, sqliteStores } from 'procura/store/sqlite'
import { service as redis } from '../../test/services/redis.service.ts'
import { redisServer } from '../../test/services/redis-server.ts'
import { type Contender, measure } from '../harness/measure.ts'
import type { Suite } from '../harness/suite.ts'
import { number, timesTable } from '../harness/table.ts'
import { delegationName } from '../setup/delegation-name.ts'

const atATime = 64
const secret = new Uint8Array(32).fill(1)
type Stores = Required<Pick<AuthorizeOptions, 'replay' | 'revocations'>>

/** The claim and the look-up of one call, which are what shared stores add to it. */
export const suite: Suite = {
  name: 'state',
  async run({ effort, smoke }) {
    const folder = mkdtempSync(join(tmpdir(), 'procura-bench-'))
    const server = redis.find() === undefined ? undefined : await redisServer()
    await server?.start()
    const client = server && new Redis({ port: server.port, host: '127.0.0.1' })
    const sizes = smoke ? [0, 100] : [1_000, 1_000_000]
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
        const database = new sqlite.Database(join(folder, `${size}.db`))
        databases.push(database)
        prepareSqliteStores({ database, secret, epoch: 0 })
        await add('SQLite (node-sqlite3-wasm)', size, sqliteStores({ database, secret }))
        if (client === undefined) continue
        const options = { client, secret, prefix: `size_${size}`, timeoutMs: 10_000 }
        await prepareRedisStores({ ...options, epoch: 0 })
        await add('Redis (ioredis, appendfsync always)', size, redisStores(options))
      }
      const measured = await measure(contenders, effort)
      return { tables: [timesTable('The claim and the look-up of a call, by store', measured)], figures: {} }
    } finally {
      client?.disconnect()
      await server?.remove()
      for (const database of databases) database.close()
      rmSync(folder, { recursive: true })
    }
  },
}

/** Makes a number of claims of new calls, each with a look-up of three delegations that are not revoked. */
function asker(stores: Stores, name: string): (count: number) => Promise<unknown> {
  const ids = [0, 1, 2].map(delegationName)
  const expiration = Math.floor(Date.now() / 1000) + 3600
  let serial = 0
  const one = async (): Promise<void> => {
    const [found, first] = [
      await stores.revocations.findRevocations(ids, {}),
      await stores.replay.claim(`${name} ${serial++}`, expiration, {}),
    ]
    if (found.length > 0 || first !== true) throw new Error('a new call was refused')
  }
  return (count) => Promise.all(Array.from({ length: count }, one))
}
