import { describe, expect, it } from 'vitest'
import type { Did } from '../../src/core/did/did.ts'
import { memoryRevocationStore } from '../../src/core/revocation/memory-revocation-store.ts'
import type { JournalPage, RevocationJournal } from '../../src/core/revocation/revocation-journal.ts'
import type { RevocationRegistry } from '../../src/core/revocation/revocation-store.ts'
import { ArgumentError, StoreError } from '../../src/errors.ts'
import { prepareSqliteStores } from '../../src/stores/sqlite/prepare-sqlite-stores.ts'
import { sqliteStores } from '../../src/stores/sqlite/sqlite-stores.ts'
import type { SqliteStatement } from '../../src/support/sqlite.ts'
import { never } from '../../src/time.ts'
import { cidNumber } from '../revocation-sources/sources.ts'
import { actor } from '../support/actors.ts'
import { type SqliteFile, sqliteFile } from './open-sqlite.ts'

const secret = new Uint8Array(32).fill(7)
const alice: Did = (await actor('alice')).did
const start = 1_000_000

interface Opened {
  readonly store: RevocationRegistry & RevocationJournal
  /** Another handle on the same data. */
  readonly other: RevocationJournal
  readonly file?: SqliteFile
  time: number
  /** Forgets what has expired. */
  prune(): Promise<void>
}

async function withMemory(task: (opened: Opened) => Promise<void>): Promise<void> {
  const opened = { time: start } as Opened
  const store = memoryRevocationStore({ maxEntries: 12, clock: { now: () => opened.time } })
  // A store in memory forgets when it needs room.
  const prune = async (): Promise<void> => {
    const { entries } = store.listRevocations({ after: 0, limit: 12 }) as JournalPage
    const free = 12 - entries.length
    const ids = Array.from({ length: free + 1 }, (_, number) => cidNumber(1000 + number))
    await store.add({ ids, expiration: 0 })
  }
  await task(Object.assign(opened, { store, other: store, prune }))
}

async function withSqlite(task: (opened: Opened) => Promise<void>): Promise<void> {
  const file = sqliteFile()
  const opened = { time: start } as Opened
  const clock = { now: () => opened.time }
  prepareSqliteStores({ database: file.open(), secret, epoch: 0 })
  const open = () => sqliteStores({ database: file.open(), secret, clock }).revocations
  const store = open()
  try {
    await task(Object.assign(opened, { store, other: open(), file, prune: () => store.prune() }))
  } finally {
    file.close()
  }
}

describe.each([
  ['in memory', withMemory],
  ['in SQLite', withSqlite],
])('RVK-30 the journal %s', (_, open) => {
  it('lists entries in the order of their addition, with all that they have', () =>
    open(async ({ store, other }) => {
      expect(await other.listRevocations({ after: 0, limit: 9 })).toMatchObject({ entries: [], head: 0 })
      await store.add({ ids: [cidNumber(2), cidNumber(1)], revoker: alice, expiration: never, token: 'C123' })
      await store.add({ ids: [alice], expiration: start + 60, token: Uint8Array.of(1, 2) })
      const page = await other.listRevocations({ after: 0, limit: 9 })
      expect(page.journal).toMatch(/^[0-9a-f.-]{1,80}$/)
      expect(page).toEqual({
        journal: page.journal,
        head: 3,
        entries: [
          { sequence: 1, entry: { ids: [cidNumber(2)], revoker: alice, expiration: never, token: 'C123' } },
          { sequence: 2, entry: { ids: [cidNumber(1)], revoker: alice, expiration: never, token: 'C123' } },
          { sequence: 3, entry: { ids: [alice], expiration: start + 60, token: Uint8Array.of(1, 2) } },
        ],
      })
    }))

  it('lists parts that together are the whole', () =>
    open(async ({ store, other }) => {
      for (let number = 0; number < 10; number++) await store.add({ ids: [cidNumber(number)], expiration: never })
      const ids: string[] = []
      for (let after = 0; after < 10; after += 3) {
        const { entries, head } = await other.listRevocations({ after, limit: 3 })
        expect(head).toBe(10)
        ids.push(...entries.flatMap(({ entry }) => entry.ids))
      }
      expect(ids).toEqual(Array.from({ length: 10 }, (_, number) => cidNumber(number)))
      expect(await other.listRevocations({ after: 10, limit: 3 })).toMatchObject({ entries: [], head: 10 })
      expect(await other.listRevocations({ after: 99, limit: 3 })).toMatchObject({ entries: [], head: 10 })
    }))

  it('gives an entry a new number only if it applies longer than before', () =>
    open(async ({ store, other }) => {
      const [id, revoker] = [cidNumber(1), alice]
      for (const expiration of [start + 60, start + 60, start + 30]) await store.add({ ids: [id], revoker, expiration })
      await store.add({ ids: [id], expiration: start + 60 })
      expect((await other.listRevocations({ after: 0, limit: 9 })).head).toBe(2)
      await store.add({ ids: [id], revoker, expiration: start + 90 })
      await store.add({ ids: [id], revoker, expiration: never })
      await store.add({ ids: [id], revoker, expiration: never })
      const { entries, head } = await other.listRevocations({ after: 0, limit: 9 })
      expect(head).toBe(4)
      expect(entries).toEqual([
        { sequence: 2, entry: { ids: [id], expiration: start + 60 } },
        { sequence: 4, entry: { ids: [id], revoker, expiration: never } },
      ])
    }))

  it('leaves out what no longer applies, and does not give its number again', () =>
    open(async (opened) => {
      const { store, other, prune } = opened
      await store.add({ ids: [cidNumber(1)], expiration: never })
      for (const number of [2, 3]) await store.add({ ids: [cidNumber(number)], expiration: start + 60 })
      opened.time = start + 3600
      await prune()
      const { entries, head } = await other.listRevocations({ after: 0, limit: 1 })
      expect(entries.map(({ sequence }) => sequence)).toEqual([1])
      expect(head).toBeGreaterThanOrEqual(3)
      await store.add({ ids: [alice], expiration: never })
      expect((await other.listRevocations({ after: 0, limit: 99 })).head).toBe(head + 1)
    }))

  it('refuses an invalid part', () =>
    open(async ({ store }) => {
      for (const wrong of [{ after: -1, limit: 1 }, { after: 0 }, { after: 0, limit: 0.5 }, undefined]) {
        expect(() => store.listRevocations(wrong as never)).toThrow(ArgumentError)
      }
    }))
})

describe('the journal in SQLite', () => {
  it('STO-10 is encrypted, and refused when it is damaged', () =>
    withSqlite(async ({ store, file }) => {
      await store.add({ ids: [cidNumber(1), alice], revoker: alice, expiration: never, token: 'C-canary' })
      const database = file?.open()
      const rows = database?.prepare('SELECT * FROM procura_revocation_journal').all() ?? []
      expect(rows).toHaveLength(2)
      const text = JSON.stringify(
        rows.map((row) =>
          Object.values(row as object).map((value) =>
            value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
          ),
        ),
      )
      for (const name of [cidNumber(1), alice, alice.slice(8), 'canary']) expect(text).not.toContain(name)
      database?.exec("UPDATE procura_revocation_journal SET sealed = X'00' || sealed")
      await expect(async () => store.listRevocations({ after: 0, limit: 9 })).rejects.toThrow(StoreError)
    }))

  it('RVK-30 lists no page without an entry that another process extends while the page is read', () =>
    withSqlite(async ({ store, file }) => {
      if (file === undefined) throw new Error('no file')
      for (const number of [1, 2]) await store.add({ ids: [cidNumber(number)], expiration: start + 60 })
      const [database, other] = [file.open(), file.open()]
      let isReading = false
      // After the first statement, the first entry moves behind the others, as it does when it gets a later end.
      const extend = (): void => {
        isReading = false
        other.exec(`UPDATE procura_revocation_journal SET sequence = 3 WHERE sequence = 1;
          UPDATE sqlite_sequence SET seq = 3 WHERE name = 'procura_revocation_journal'`)
      }
      const watched = (statement: SqliteStatement): SqliteStatement =>
        new Proxy(statement, {
          get(target, name) {
            const value: unknown = Reflect.get(target, name)
            if (typeof value !== 'function') return value
            return (...values: unknown[]): unknown => {
              const answer: unknown = value.apply(target, values)
              if (isReading && name === 'all') extend()
              return answer
            }
          },
        })
      const { revocations } = sqliteStores({
        database: {
          exec: (sql) => database.exec(sql),
          prepare: (sql) => (sql.includes('journal') ? watched(database.prepare(sql)) : database.prepare(sql)),
        },
        secret,
        clock: { now: () => start },
      })
      isReading = true
      const { entries, head } = await revocations.listRevocations({ after: 0, limit: 9 })
      const listed = entries.filter(({ sequence }) => sequence <= head).flatMap(({ entry }) => entry.ids)
      expect(listed).toContain(cidNumber(1))
      expect((await revocations.listRevocations({ after: head, limit: 9 })).head).toBe(3)
    }))

  it('RVK-30 has another name after a new epoch: its last numbers may have been given twice', () =>
    withSqlite(async ({ store, file }) => {
      const name = async () => (await store.listRevocations({ after: 0, limit: 0 })).journal
      const before = await name()
      if (file === undefined) throw new Error('no file')
      prepareSqliteStores({ database: file.open(), secret, epoch: start })
      expect(await name()).not.toBe(before)
    }))
})
