import { describe, expect, it } from 'vitest'
import type { SharedStores } from '../../src/stores/shared-stores.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqlitePersonalKeyStore } from '../../src/stores/sqlite/sqlite-personal-key-store.ts'
import { sqliteProcessedSets } from '../../src/stores/sqlite/sqlite-processed-sets.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import type { SqliteDatabase } from '../../src/support/sqlite.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { limitStoreCases } from '../../src/testing/limit-store-cases.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { processedSetsCases } from '../../src/testing/processed-sets-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationJournalCases } from '../../src/testing/revocation-journal-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'
import { type SqliteFile, sqliteFile } from './open-sqlite.ts'
import { throughCallStore } from './through-call-store.ts'

const cid = 'bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'

const secret = new Uint8Array(32).fill(7)

/** A new file, and a store of each handle on it. */
function openStore<Store>(clock: Clock, open: (file: SqliteFile) => Store): OpenedStore<Store> {
  const file = sqliteFile()
  prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
  const store = open(file)
  const { prune } = Object(store) as { prune?(): Promise<void> }
  return {
    store,
    prune: async () => prune?.(),
    another: async () => open(file),
    interrupt: async () => file.interrupt(true),
    restore: async () => file.interrupt(false),
    async erase() {
      file.open().exec('DELETE FROM procura_stores; DELETE FROM procura_calls; DELETE FROM procura_revocations')
    },
    prepareAgain: async () => prepareSqliteStores({ database: file.open(), secret, clock }),
    close: async () => file.close(),
  }
}

describe('STO-04 the replay store in SQLite', () => {
  const cases = replayStoreCases(async ({ clock }) =>
    openStore(clock, (file) => sqliteStores({ database: file.open(), secret, clock }).replay),
  )
  for (const { name, run } of cases) it(name, run)
})

describe('LMT-10 the limit store in SQLite', () => {
  const cases = limitStoreCases(async ({ clock }) =>
    openStore(clock, (file) => sqliteStores({ database: file.open(), secret, clock }).limitStore),
  )
  for (const { name, run } of cases) it(name, run)
})

describe('the revocation store in SQLite', () => {
  const cases = revocationStoreCases(async ({ clock }) =>
    openStore(clock, (file) => sqliteStores({ database: file.open(), secret, clock }).revocations),
  )
  for (const { name, run } of cases) it(name, run)
})

describe('STO-11 the stores in SQLite that are asked together', () => {
  const open = <Name extends keyof SharedStores>(name: Name, clock: Clock) =>
    openStore(clock, (file) => throughCallStore(sqliteStores({ database: file.open(), secret, clock }))[name])
  const cases = [
    ...replayStoreCases(async ({ clock }) => open('replay', clock)),
    ...revocationStoreCases(async ({ clock }) => open('revocations', clock)),
    ...limitStoreCases(async ({ clock }) => open('limitStore', clock)),
  ]
  for (const { name, run } of cases) it(name, run)
})

describe('the journal of revocations in SQLite', () => {
  const cases = revocationJournalCases(async ({ clock }) =>
    openStore(clock, (file) => sqliteStores({ database: file.open(), secret, clock }).revocations),
  )
  for (const { name, run } of cases) it(name, run)
})

describe('the store of personal keys in SQLite', () => {
  const cases = personalKeyStoreCases(
    async ({ clock }) => openStore(clock, (file) => sqlitePersonalKeyStore({ database: file.open(), secret })),
    { without: ['erase'] },
  )
  for (const { name, run } of cases) it(name, run)
})

describe('the memory of processed SETs in SQLite', () => {
  const cases = processedSetsCases(async ({ clock }) =>
    openStore(clock, (file) => sqliteProcessedSets({ database: file.open(), secret, clock })),
  )
  for (const { name, run } of cases) it(name, run)

  it('is refused with the next step if the database was prepared by an older version', () => {
    const file = sqliteFile()
    const database = file.open()
    prepareSqliteStores({ database, secret, epoch: 0 })
    database.exec('DROP TABLE procura_processed_sets')
    expect(() => sqliteProcessedSets({ database: file.open(), secret })).toThrow('call `prepareSqliteStores`')
    prepareSqliteStores({ database, secret })
    expect(() => sqliteProcessedSets({ database: file.open(), secret })).not.toThrow()
    file.close()
  })

  it('STO-12 forgets SETs 300 seconds after their age limit, some with each addition', async () => {
    const file = sqliteFile()
    let now = 1_000_000
    const database = file.open()
    prepareSqliteStores({ database, secret, epoch: 0 })
    const processed = sqliteProcessedSets({ database: file.open(), secret, clock: { now: () => now } })
    await Promise.all(Array.from({ length: 450 }, (_, at) => processed.add(`old ${at}`, now + 60)))
    const count = () => database.prepare('SELECT key FROM procura_processed_sets').all().length
    now += 360
    await processed.add('a', now + 60)
    expect(count()).toBe(451)
    now += 1
    await processed.add('b', now + 60)
    // One row has the time.
    expect(count()).toBe(253)
    await processed.prune()
    expect(count()).toBe(3)
    await expect(processed.has('old 1', 1_000_060)).rejects.toThrow('correct the clock of the service')
    prepareSqliteStores({ database, secret, epoch: now })
    expect(await processed.has('old 1', 1_000_060)).toBe(false)
    file.close()
  })
})

describe('a database of stores', () => {
  it('RVK-12 is refused with the next step if it was not prepared', () => {
    const file = sqliteFile()
    expect(() => sqliteStores({ database: file.open(), secret })).toThrow('call `prepareSqliteStores`')
    file.close()
  })

  it('STO-02 is refused with another secret, also when it is prepared again', () => {
    const file = sqliteFile()
    const other = new Uint8Array(32).fill(8)
    prepareSqliteStores({ database: file.open(), secret })
    const open = () => sqliteStores({ database: file.open(), secret: other })
    expect(open).toThrow('the stores were prepared with another `secret`')
    expect(() => prepareSqliteStores({ database: file.open(), secret: other })).toThrow('another `secret`')
    expect(open).toThrow('the stores were prepared with another `secret`')
    file.close()
  })

  it('is prepared once: its epoch and entries remain', async () => {
    const file = sqliteFile()
    const clock = { now: () => 1_000_000 }
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    const { replay } = sqliteStores({ database: file.open(), secret, clock })
    expect(await replay.claim('a', 1_000_060, {})).toBe(true)
    prepareSqliteStores({ database: file.open(), secret, clock })
    expect(await replay.claim('a', 1_000_060, {})).toBe(false)
    expect(await replay.claim('b', 1_000_060, {})).toBe(true)
    file.close()
  })

  it('gets a later epoch when it is prepared again with one, and refuses calls accepted before', async () => {
    const file = sqliteFile()
    const clock = { now: () => 1_000_000 }
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    const { replay } = sqliteStores({ database: file.open(), secret, clock })
    expect(await replay.claim('a', 1_000_060, { acceptedFrom: 999_940 })).toBe(true)
    prepareSqliteStores({ database: file.open(), secret, epoch: 1_000_000 })
    await expect(replay.claim('b', 1_000_060, { acceptedFrom: 999_940 })).rejects.toThrow('sign it again after')
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    await expect(replay.claim('b', 1_000_060, { acceptedFrom: 999_940 })).rejects.toThrow('sign it again after')
    file.close()
  })

  it('RVK-13 rejects look-ups of a clock that went back until revocations are added again with a new epoch', async () => {
    const file = sqliteFile()
    let now = 1_000_000
    const clock = { now: () => now }
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    const { revocations } = sqliteStores({ database: file.open(), secret, clock })
    await revocations.prune()
    now += 86_400
    await revocations.prune()
    now -= 86_400
    expect(await revocations.findRevocations([cid], {})).toEqual([])
    await revocations.add({ ids: [cid], expiration: now + 3600 })
    now += 86_400
    await revocations.prune()
    now -= 86_400
    expect(() => revocations.findRevocations([cid], {})).toThrow('correct its clock')
    await revocations.add({ ids: [cid], expiration: now + 3600 })
    prepareSqliteStores({ database: file.open(), secret, epoch: now })
    expect(await revocations.findRevocations([cid], {})).toEqual([{ id: cid }])
    file.close()
  })

  it('forgets revocations when they are pruned, and not with claims and reservations', async () => {
    const file = sqliteFile()
    const now = 1_000_000
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    const stores = sqliteStores({ database: file.open(), secret, clock: { now: () => now } })
    const { revocations, replay, limitStore, callStore } = stores
    await revocations.add({ ids: [cid], expiration: now - 3600 })
    const claim = (at: number) => ({ key: `call ${at}`, expiration: now + 60, acceptedFrom: undefined })
    await Promise.all(Array.from({ length: 300 }, (_, at) => callStore.ask({ ids: [], claim: claim(at) }, {})))
    await Promise.all([replay.prune(), limitStore.prune()])
    expect(await revocations.findRevocations([cid], {})).toEqual([{ id: cid }])
    await revocations.prune()
    expect(await revocations.findRevocations([cid], {})).toEqual([])
    file.close()
  })

  it('names the reason of a failure instead of a missing preparation', async () => {
    const file = sqliteFile()
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    const { revocations } = sqliteStores({ database: file.open(), secret })
    file.interrupt(true)
    expect(() => revocations.findRevocations([cid], {})).toThrow('did not answer; `cause` has the reason')
    file.close()
  })

  it('STO-04 answers a look-up and a claim after another connection has released it', async () => {
    const file = sqliteFile()
    const other = file.open()
    prepareSqliteStores({ database: other, secret, epoch: 0 })
    const { replay, revocations } = sqliteStores({ database: file.open(), secret, busyTimeoutMs: 10_000 })
    const expiration = Math.floor(Date.now() / 1000) + 60
    other.exec('BEGIN EXCLUSIVE')
    const found = revocations.findRevocations([cid], {})
    const claimed = replay.claim('a', expiration, {})
    await new Promise((resolve) => setTimeout(resolve, 20))
    other.exec('COMMIT')
    expect([await found, await claimed]).toEqual([[], true])
    other.exec('BEGIN')
    other.prepare('SELECT * FROM procura_stores').all()
    const again = replay.claim('a', expiration, {})
    await new Promise((resolve) => setTimeout(resolve, 20))
    other.exec('COMMIT')
    expect(await again).toBe(false)
    file.close()
  })

  it('STO-04 rejects what another connection keeps it from, when the time is over', async () => {
    const file = sqliteFile()
    const other = file.open()
    prepareSqliteStores({ database: other, secret, epoch: 0 })
    const { replay, revocations } = sqliteStores({ database: file.open(), secret, busyTimeoutMs: 30 })
    other.exec('BEGIN EXCLUSIVE')
    await expect(replay.claim('a', 1e10, {})).rejects.toThrow('did not answer')
    await expect(Promise.resolve(revocations.findRevocations([cid], {}))).rejects.toThrow('did not answer')
    other.exec('COMMIT')
    expect(await replay.claim('a', 1e10, {})).toBe(true)
    file.close()
  })

  it('RPL-03 reports that it is full, takes no claim twice, and takes new ones after it has forgotten some', async () => {
    const file = sqliteFile()
    let now = 1_000_000
    const database = file.open()
    prepareSqliteStores({ database, secret, epoch: 0 })
    const { replay } = sqliteStores({ database, secret, clock: { now: () => now } })
    database.exec('PRAGMA max_page_count = 20')
    const claimAll = () =>
      Promise.all(
        Array.from({ length: 1500 }, (_, index) =>
          Promise.resolve(replay.claim(`call ${index}`, now + 60, {})).then(String, (error) => String(error.cause)),
        ),
      )
    const [first, second] = [await claimAll(), await claimAll()]
    expect(first.filter((answer) => answer.includes('full')).length).toBeGreaterThan(0)
    expect(first.filter((answer, index) => answer === 'true' && second[index] === 'true')).toEqual([])
    now += 3600
    await replay.prune()
    expect(await replay.claim('new', now + 60, {})).toBe(true)
    file.close()
  })
})

describe('a destroyed key in SQLite', () => {
  it('is reported as remaining while another connection needs the write-ahead log', async () => {
    const file = sqliteFile()
    prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
    let busy = 1
    const database = file.open()
    const logged: SqliteDatabase = {
      exec: (sql) => database.exec(sql),
      prepare: (sql) =>
        sql.includes('wal_checkpoint') ? { run: () => ({}), all: () => [{ busy }] } : database.prepare(sql),
    }
    const keys = sqlitePersonalKeyStore({ database: logged, secret, busyTimeoutMs: 30 })
    await keys.obtain('alice', {})
    await expect(keys.destroy('alice')).rejects.toThrow('destroy it again')
    expect(await keys.find('alice', {})).toBeUndefined()
    busy = 0
    await keys.destroy('alice')
    file.close()
  })
})
