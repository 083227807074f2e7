import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sqlite from 'node-sqlite3-wasm'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { nodeWithSqlite } from '../stores/processes/node-with-sqlite.ts'
import { type StoresPlace, secret } from '../stores/processes/place.ts'
import {
  expectGivenBack,
  expectNoSecondYes,
  expectOneYes,
  expectRevocationSeen,
  expectSharedBudget,
  type ProcessesOptions,
} from '../stores/processes/shows.ts'
import { bundleVerifier, startVerifier } from '../stores/processes/verifiers.ts'

const node = nodeWithSqlite()
let folder: string
let program: string
let remove: () => void

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'procura-sqlite-'))
  ;({ program, remove } = await bundleVerifier())
})
afterAll(() => {
  rmSync(folder, { recursive: true })
  remove()
})

/** Stores in a file of their own; undefined where no driver is found. */
function stores(name: string, apart = false): ProcessesOptions | undefined {
  if (node === undefined) return undefined
  const file = join(folder, `${name}.db`)
  const database = new sqlite.Database(file)
  prepareSqliteStores({ database, secret, epoch: 0 })
  database.close()
  const place: StoresPlace = { kind: 'sqlite', file, driver: 'node:sqlite', apart }
  return { program, place, node }
}

describe('four processes that share stores in one SQLite file', () => {
  it('RPL-01 allow one call of 1,000 copies once', async () => {
    const options = stores('copies')
    if (options) await expectOneYes(options, 1000)
  })

  it.each([
    ['', false],
    [', and ask each store by itself', true],
  ])('RPL-01 allow no call of 20,000 twice while they are killed five times%s', async (_, apart) => {
    const options = stores(`kills-${apart}`, apart)
    if (options === undefined) return
    await expectNoSecondYes(options, { calls: 20_000, failures: 5 }, async (verifiers) => {
      const at = Math.floor(verifiers.length / 2)
      await verifiers[at]?.kill()
      verifiers[at] = await startVerifier(options.program, options.place, options.node)
    })
  })

  it('LMT-12 allow 100 of 1,000 calls of 3 sub-agents who share a budget of 100', async () => {
    const options = stores('budget')
    if (options) await expectSharedBudget(options, 1000, 100)
  })

  it('LMT-15 give a use back after its deadline when a process ends between reservation and commit', async () => {
    const options = stores('crash')
    if (options) await expectGivenBack(options)
  })

  it('RVK-05 refuse the next call of a delegation that one of them revoked', async () => {
    const options = stores('revoked')
    if (options) await expectRevocationSeen(options)
  })
})
