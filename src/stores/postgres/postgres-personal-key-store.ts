// node only: HMAC

import { type OptionChecks, readOptions } from '../../support/options.ts'
import { destroyedKey, personalKeyBox } from '../personal-key-box.ts'
import type { SharedPersonalKeyStore } from '../shared-stores.ts'
import { connectionChecks, onDisk, openConnection, type PostgresConnectionOptions } from './connection.ts'

const optionChecks = connectionChecks satisfies OptionChecks<PostgresConnectionOptions>

/**
 * Opens a store for the keys of personal data, in stores that `preparePostgresStores` has prepared. The keys are
 * encrypted with the secret. A key that is destroyed remains in the files of the server until it vacuums the table and
 * recycles its write-ahead log, and in backups.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function postgresPersonalKeyStore(options: PostgresConnectionOptions): SharedPersonalKeyStore {
  const settings = readOptions('postgresPersonalKeyStore', options, optionChecks)
  const { names, tables, ask } = openConnection(settings)
  const box = personalKeyBox(settings.secret)
  const nameOf = (person: string): string => names.hex('personal-key', person)
  const { meta, personalKeys } = tables

  /** Returns the encrypted key, null when it was destroyed, and undefined when it does not exist. */
  async function find(name: string): Promise<string | null | undefined> {
    const text = `SELECT fingerprint, name, sealed FROM ${meta} LEFT JOIN ${personalKeys} ON name = decode($1, 'hex')`
    const [row] = await ask(text, [name])
    return row['name'] === null ? undefined : (row['sealed'] as string | null)
  }

  const open = (person: string, sealed: string) => box.open(person, new Uint8Array(Buffer.from(sealed, 'base64')))

  return Object.freeze({
    async obtain(person: string) {
      const name = nameOf(person)
      let sealed = await find(name)
      if (sealed === undefined) {
        const made = Buffer.from(await box.generate(person)).toString('base64')
        const insert = `WITH made AS (
          INSERT INTO ${personalKeys} SELECT decode($1, 'hex'), $2 FROM ${meta} WHERE fingerprint = $3 ON CONFLICT DO NOTHING
        ) SELECT fingerprint, ${onDisk} FROM ${meta}`
        await ask(insert, [name, made, names.fingerprint])
        sealed = await find(name)
      }
      if (typeof sealed !== 'string') throw destroyedKey()
      return open(person, sealed)
    },
    async find(person: string) {
      const sealed = await find(nameOf(person))
      return typeof sealed === 'string' ? open(person, sealed) : undefined
    },
    async destroy(person: string) {
      const clear = `WITH cleared AS (
        INSERT INTO ${personalKeys} SELECT decode($1, 'hex'), NULL FROM ${meta} WHERE fingerprint = $2
        ON CONFLICT (name) DO UPDATE SET sealed = NULL
      ) SELECT fingerprint, ${onDisk} FROM ${meta}`
      await ask(clear, [nameOf(person), names.fingerprint])
    },
  })
}
