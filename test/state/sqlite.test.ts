import { describe, expect, it } from 'vitest'
import { prepareSqliteStores } from '../../src/state/sqlite/prepare-sqlite-stores.ts'
import { sqlitePersonalKeyStore } from '../../src/state/sqlite/sqlite-personal-key-store.ts'
import { sqliteStores } from '../../src/state/sqlite/sqlite-stores.ts'
import type { OpenedStore } from '../../src/testing/conformance-case.ts'
import { personalKeyStoreCases } from '../../src/testing/personal-key-store-cases.ts'
import { replayStoreCases } from '../../src/testing/replay-store-cases.ts'
import { revocationStoreCases } from '../../src/testing/revocation-store-cases.ts'
import type { Clock } from '../../src/time.ts'
import { type SqliteFile, sqliteFile } from './open-sqlite.ts'

const secret = new Uint8Array(32).fill(7)

/** A new file, and a store of each handle on it. */
function openStore<Store>(clock: Clock, open: (file: SqliteFile) => Store): OpenedStore<Store> {
  const file = sqliteFile()
  prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
  return {
    store: open(file),
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
  const cases = replayStoreCases(async ({ clock }) => {
    const opened = openStore(clock, (file) => sqliteStores({ database: file.open(), secret, clock }).replay)
    return { ...opened, prune: () => opened.store.prune() }
  })
  for (const { name, run } of cases) it(name, run)
})

describe('the revocation store in SQLite', () => {
  const cases = revocationStoreCases(async ({ clock }) => {
    const opened = openStore(clock, (file) => sqliteStores({ database: file.open(), secret, clock }).revocations)
    return { ...opened, prune: () => opened.store.prune() }
  })
  for (const { name, run } of cases) it(name, run)
})

describe('the store of personal keys in SQLite', () => {
  const cases = personalKeyStoreCases(
    async ({ clock }) => openStore(clock, (file) => sqlitePersonalKeyStore({ database: file.open(), secret })),
    { without: ['erase'] },
  )
  for (const { name, run } of cases) it(name, run)
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
})
