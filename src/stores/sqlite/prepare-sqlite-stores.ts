// node only: HMAC

import { StoreError } from '../../errors.ts'
import { nonEmptyString, type OptionChecks, readOptions, withDefault } from '../../support/options.ts'
import { databaseCheck, type SqliteDatabase } from '../../support/sqlite.ts'
import { secondsOf } from '../../time.ts'
import { type PreparationOptions, preparationChecks } from '../epoch.ts'
import { keyedNames, type StoreSecret, storeSecretCheck } from '../keyed-names.ts'
import { assertPrefix } from '../prefix.ts'
import { type Tables, tablesOf } from '../tables.ts'

/** Options of {@link prepareSqliteStores}. */
export interface PrepareSqliteStoresOptions extends PreparationOptions {
  /** A connection to the database, open for writing. */
  readonly database: SqliteDatabase
  /** 32 random bytes or more, the same in every process. Keep it as you keep other credentials. */
  readonly secret: StoreSecret
  /** The beginning of the names of the tables. Default `procura`. */
  readonly prefix?: string
}

/** How long the preparation waits for other processes, in milliseconds. It blocks the process. */
const waitMs = 5000

const optionChecks = Object.freeze({
  database: databaseCheck,
  secret: storeSecretCheck,
  prefix: withDefault(nonEmptyString, 'procura'),
  ...preparationChecks,
}) satisfies OptionChecks<PrepareSqliteStoresOptions>

/**
 * Creates the tables of the stores, unless they exist: a step of the deployment. A store does not create them by
 * itself, because an empty database is also one that lost its revocations.
 *
 * @throws ArgumentError when an option is invalid; StoreError when the database cannot be written, or was prepared with
 *   another secret.
 */
export function prepareSqliteStores(options: PrepareSqliteStoresOptions): void {
  const { database, secret, prefix, epoch, clock } = readOptions('prepareSqliteStores', options, optionChecks)
  assertPrefix(prefix)
  const { fingerprint } = keyedNames(secret)
  const tables = tablesOf(prefix)
  try {
    // Several processes may prepare one database at the same time.
    database.exec(`PRAGMA busy_timeout = ${waitMs}`)
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(createTables(tables))
    database.exec(`INSERT INTO ${tables.meta} SELECT '${fingerprint}', ${epoch ?? secondsOf(clock)}, 0, 0
      WHERE NOT EXISTS (SELECT 1 FROM ${tables.meta})`)
    // The times at which entries were forgotten belong to the data before the epoch.
    if (epoch !== undefined) {
      for (const table of [tables.limits, tables.processedSets])
        database.exec(`DELETE FROM ${table} WHERE key = x'' AND EXISTS
          (SELECT 1 FROM ${tables.meta} WHERE epoch < ${epoch} AND fingerprint = '${fingerprint}')`)
      database.exec(`UPDATE ${tables.meta} SET epoch = ${epoch}, forgotten = 0, revocations_forgotten = 0
        WHERE epoch < ${epoch} AND fingerprint = '${fingerprint}'`)
    }
  } catch (cause) {
    throw new StoreError('the tables of the stores could not be created; open the database for writing', { cause })
  }
  const [row] = database.prepare(`SELECT fingerprint FROM ${tables.meta}`).all() as readonly { fingerprint: unknown }[]
  if (row?.fingerprint !== fingerprint) throw new StoreError('the stores were prepared with another `secret`')
}

function createTables(tables: Tables): string {
  const { meta, calls, revocations, personalKeys, revocationJournal, journalName } = tables
  const { limits, limitHolds, limitTasks, processedSets } = tables
  return `
CREATE TABLE IF NOT EXISTS ${meta} (
  fingerprint TEXT NOT NULL, epoch REAL NOT NULL, forgotten REAL NOT NULL, revocations_forgotten REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS ${calls} (key BLOB PRIMARY KEY, expiration REAL NOT NULL) WITHOUT ROWID;
DROP INDEX IF EXISTS ${calls}_by_expiration;
CREATE TABLE IF NOT EXISTS ${revocations} (
  id BLOB NOT NULL, revoker BLOB NOT NULL, until REAL NOT NULL, PRIMARY KEY (id, revoker)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ${revocations}_by_until ON ${revocations} (until);
CREATE TABLE IF NOT EXISTS ${personalKeys} (name BLOB PRIMARY KEY, sealed BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ${revocationJournal} (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL, revoker BLOB NOT NULL, until REAL NOT NULL,
  sealed BLOB NOT NULL, UNIQUE (id, revoker)
);
CREATE INDEX IF NOT EXISTS ${revocationJournal}_by_until ON ${revocationJournal} (until);
CREATE TABLE IF NOT EXISTS ${journalName} (name TEXT NOT NULL);
INSERT INTO ${journalName} SELECT lower(hex(randomblob(16))) WHERE NOT EXISTS (SELECT 1 FROM ${journalName});
CREATE TABLE IF NOT EXISTS ${limits} (key BLOB PRIMARY KEY, used INTEGER NOT NULL, expiration REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ${limits}_by_expiration ON ${limits} (expiration);
CREATE TABLE IF NOT EXISTS ${limitHolds} (
  id BLOB NOT NULL, key BLOB NOT NULL, kind INTEGER NOT NULL, amount INTEGER NOT NULL, until REAL NOT NULL,
  later REAL NOT NULL, pending INTEGER NOT NULL, paid BLOB, PRIMARY KEY (id, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ${limitHolds}_by_key ON ${limitHolds} (key, until);
CREATE INDEX IF NOT EXISTS ${limitHolds}_by_until ON ${limitHolds} (until);
CREATE TABLE IF NOT EXISTS ${limitTasks} (name BLOB PRIMARY KEY, expiration REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ${limitTasks}_by_expiration ON ${limitTasks} (expiration);
CREATE TABLE IF NOT EXISTS ${processedSets} (key BLOB PRIMARY KEY, expiration REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ${processedSets}_by_expiration ON ${processedSets} (expiration);
`
}
