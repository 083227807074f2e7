// node only: HMAC

import { StoreError } from '../../errors.ts'
import { type OptionChecks, readOptions } from '../../support/options.ts'
import { prepare } from '../../support/sqlite.ts'
import { destroyedKey, personalKeyBox } from '../personal-key-box.ts'
import type { SharedPersonalKeyStore } from '../shared-stores.ts'
import { connectionChecks, openConnection, type SqliteConnectionOptions } from './connection.ts'

const optionChecks = connectionChecks satisfies OptionChecks<SqliteConnectionOptions>

/**
 * Opens a store for the keys of personal data, in a database that `prepareSqliteStores` has prepared. The keys are
 * encrypted with the secret. A key that is destroyed is overwritten in the database and its write-ahead log; copies in
 * backups of the database remain.
 *
 * @throws ArgumentError when an option is invalid; StoreError when the database was not prepared, or with another
 *   secret.
 */
export function sqlitePersonalKeyStore(options: SqliteConnectionOptions): SharedPersonalKeyStore {
  const settings = readOptions('sqlitePersonalKeyStore', options, optionChecks)
  const { database, names, tables, write, meta, query } = openConnection(settings, 'PRAGMA secure_delete = ON')
  const box = personalKeyBox(settings.secret)
  const { personalKeys } = tables
  const find = prepare(database, `SELECT sealed FROM ${personalKeys} WHERE name = ?`)
  const insert = prepare(database, `INSERT INTO ${personalKeys} VALUES (?, ?) ON CONFLICT DO NOTHING`)
  const clear = prepare(
    database,
    `INSERT INTO ${personalKeys} VALUES (?, NULL) ON CONFLICT DO UPDATE SET sealed = NULL`,
  )

  const empty = prepare(database, 'PRAGMA wal_checkpoint(TRUNCATE)')

  /** Returns the encrypted key, null when it was destroyed, and undefined when it does not exist. */
  async function sealedKey(name: Uint8Array): Promise<Uint8Array | null | undefined> {
    return query(() => {
      meta()
      const [row] = find.all(name)
      return row?.['sealed'] as Uint8Array | null | undefined
    })
  }

  /** Empties the write-ahead log, unless another connection needs it. */
  function emptyLog(): void {
    const [row] = empty.all()
    if (row?.['busy'] !== 0 && row?.['busy'] !== 0n) throw new Error('database is locked')
  }

  return Object.freeze({
    async obtain(person: string, { signal }: { readonly signal?: AbortSignal | undefined }) {
      const name = names.bytes('personal-key', person)
      if ((await sealedKey(name)) === undefined) {
        const made = await box.generate(person)
        await write(() => insert.run(name, made), signal)
      }
      const sealed = await sealedKey(name)
      if (sealed === null || sealed === undefined) throw destroyedKey()
      return box.open(person, sealed)
    },
    async find(person: string) {
      const sealed = await sealedKey(names.bytes('personal-key', person))
      return sealed === null || sealed === undefined ? undefined : box.open(person, sealed)
    },
    async destroy(person: string) {
      const name = names.bytes('personal-key', person)
      await write(() => {
        meta()
        clear.run(name)
      })
      try {
        await query(emptyLog)
      } catch (cause) {
        throw new StoreError(
          'the key is destroyed, but the write-ahead log of the database has a copy, because another connection reads; ' +
            'destroy it again',
          { cause },
        )
      }
    },
  })
}
