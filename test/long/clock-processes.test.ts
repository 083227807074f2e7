import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { describe, it } from 'vitest'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { longRuns } from '../property/runs.ts'
import { service as postgres } from '../services/postgres.service.ts'
import { service as redis } from '../services/redis.service.ts'
import { isMissing } from '../services/service.ts'
import { startPostgresStores, startRedisStores } from '../services/store-server.ts'
import type { Counts } from '../stores/clock-history.ts'
import { playWithProcesses } from '../stores/processes/clock-processes.ts'
import { nodeWithSqlite } from '../stores/processes/node-with-sqlite.ts'
import { patient, secret } from '../stores/processes/place.ts'

const { numRuns, seed, title } = longRuns(Number(process.env['PROCURA_HISTORIES'] ?? 2_000))

function report(name: string, { calls, commits, copies, refused }: Counts): void {
  const counted = `${calls} calls allowed, ${commits} reservations committed, ${copies} copies, ${refused} refused`
  process.stdout.write(`${name}, ${title}: ${counted}, 0 twice, 0 beyond a limit\n`)
}

describe(`four processes with clock tolerances of 60 and 300 seconds, whose clocks jump (${title})`, () => {
  it('RPL-04 RPL-07 LMT-14 allow no call twice and no use beyond a limit in SQLite', async () => {
    const node = nodeWithSqlite()
    if (node === undefined) return
    const folder = mkdtempSync(join(tmpdir(), 'procura-clocks-'))
    const file = join(folder, 'stores.db')
    const database = new sqlite.Database(file)
    prepareSqliteStores({ database, secret, epoch: 0 })
    database.close()
    try {
      report('SQLite', await playWithProcesses({ kind: 'sqlite', file, driver: 'node:sqlite' }, numRuns, seed, node))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.each([
    ['Redis', redis, startRedisStores],
    ['PostgreSQL', postgres, startPostgresStores],
  ] as const)('RPL-04 RPL-07 LMT-14 nor in %s', async (name, service, start) => {
    if (isMissing(service)) return
    const server = await start()
    try {
      const place = { ...server.placeAt(server.port), ...patient, clockTolerance: 300 }
      report(name, await playWithProcesses(place, numRuns, seed))
    } finally {
      await server.remove()
    }
  })
})
