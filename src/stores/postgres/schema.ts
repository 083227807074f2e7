import { maybe, nonEmptyString, type OptionChecks, readOptions, withDefault } from '../../support/options.ts'
import { assertPostgresRole } from '../../support/postgres-role.ts'
import { assertPrefix } from '../prefix.ts'
import { type Tables, tablesOf } from '../tables.ts'
import { callFunctionOf, createCallFunction } from './call-function.ts'
import { createLimitFunctions, limitFunctionsOf } from './limit-functions.ts'
import { addFunctionOf, createAddFunction } from './revocation-function.ts'

/** Options of {@link postgresStoreSchema}. */
export interface PostgresStoreSchemaOptions {
  /** The beginning of the names of the tables. Default `procura`. */
  readonly prefix?: string
  /**
   * The role of the service, which must exist; not `public`. It may read and write rows, and nothing else.
   * Default: no role gets rights.
   */
  readonly role?: string
}

const optionChecks = Object.freeze({
  prefix: withDefault(nonEmptyString, 'procura'),
  role: maybe(nonEmptyString),
}) satisfies OptionChecks<PostgresStoreSchemaOptions>

/**
 * Returns the SQL that creates the tables and functions, for their owner to run: once, and again after an upgrade,
 * which changes no existing row. `preparePostgresStores` comes after it.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function postgresStoreSchema(options: PostgresStoreSchemaOptions = {}): string {
  const { prefix, role } = readOptions('postgresStoreSchema', options, optionChecks)
  assertPrefix(prefix)
  if (role !== undefined) assertPostgresRole(role)
  const tables = tablesOf(prefix)
  return `${createTables(tables)}${createLimitFunctions(tables)}${createCallFunction(tables)}${createAddFunction(tables)}${role === undefined ? '' : grantsTo(role, tables)}`
}

function createTables(tables: Tables): string {
  const { meta, calls, revocations, personalKeys, limits, limitHolds, limitTasks, revocationJournal, journalName } =
    tables
  const { processedSets } = tables
  return `
CREATE TABLE IF NOT EXISTS ${meta} (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  fingerprint text NOT NULL, epoch float8 NOT NULL,
  forgotten float8 NOT NULL DEFAULT 0, revocations_forgotten float8 NOT NULL DEFAULT 0
);
ALTER TABLE ${meta} ADD COLUMN IF NOT EXISTS limits_forgotten float8 NOT NULL DEFAULT 0;
ALTER TABLE ${meta} ADD COLUMN IF NOT EXISTS processed_forgotten float8 NOT NULL DEFAULT 0;
CREATE TABLE IF NOT EXISTS ${calls} (key bytea PRIMARY KEY, expiration float8 NOT NULL, copies integer NOT NULL DEFAULT 1);
CREATE INDEX IF NOT EXISTS ${calls}_by_expiration ON ${calls} (expiration);
CREATE TABLE IF NOT EXISTS ${revocations} (
  id bytea NOT NULL, revoker bytea NOT NULL, until float8 NOT NULL, PRIMARY KEY (id, revoker)
);
CREATE INDEX IF NOT EXISTS ${revocations}_by_until ON ${revocations} (until);
CREATE TABLE IF NOT EXISTS ${revocationJournal} (
  sequence bigint PRIMARY KEY, id bytea NOT NULL, revoker bytea NOT NULL, until float8 NOT NULL, sealed bytea NOT NULL,
  UNIQUE (id, revoker)
);
CREATE INDEX IF NOT EXISTS ${revocationJournal}_by_until ON ${revocationJournal} (until);
CREATE TABLE IF NOT EXISTS ${journalName} (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), name text NOT NULL, head bigint NOT NULL DEFAULT 0
);
INSERT INTO ${journalName} (name) VALUES (replace(gen_random_uuid()::text, '-', '')) ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS ${personalKeys} (name bytea PRIMARY KEY, sealed text);
CREATE TABLE IF NOT EXISTS ${limits} (key bytea PRIMARY KEY, used bigint NOT NULL DEFAULT 0, expiration float8 NOT NULL);
CREATE INDEX IF NOT EXISTS ${limits}_by_expiration ON ${limits} (expiration);
CREATE TABLE IF NOT EXISTS ${limitHolds} (
  id bytea NOT NULL, key bytea NOT NULL, kind text NOT NULL, amount bigint NOT NULL, until float8 NOT NULL,
  later float8 NOT NULL, pending boolean NOT NULL, paid bytea, PRIMARY KEY (id, key)
);
CREATE INDEX IF NOT EXISTS ${limitHolds}_by_key ON ${limitHolds} (key, until);
CREATE INDEX IF NOT EXISTS ${limitHolds}_by_until ON ${limitHolds} (until);
CREATE TABLE IF NOT EXISTS ${limitTasks} (name bytea PRIMARY KEY, expiration float8 NOT NULL);
CREATE INDEX IF NOT EXISTS ${limitTasks}_by_expiration ON ${limitTasks} (expiration);
CREATE TABLE IF NOT EXISTS ${processedSets} (key bytea PRIMARY KEY, expiration float8 NOT NULL);
CREATE INDEX IF NOT EXISTS ${processedSets}_by_expiration ON ${processedSets} (expiration);
`
}

function grantsTo(role: string, tables: Tables): string {
  const { meta, calls, revocations, personalKeys, limits, limitHolds, limitTasks, revocationJournal, journalName } =
    tables
  const { processedSets } = tables
  const all = [
    meta,
    calls,
    revocations,
    personalKeys,
    limits,
    limitHolds,
    limitTasks,
    revocationJournal,
    journalName,
    processedSets,
  ].join(', ')
  const rows = [calls, revocations, revocationJournal, limits, limitHolds, limitTasks, processedSets].join(', ')
  const functions = [...Object.values(limitFunctionsOf(tables)), callFunctionOf(tables), addFunctionOf(tables)].join(
    ', ',
  )
  return `REVOKE ALL ON ${all} FROM ${role};
GRANT SELECT, INSERT, UPDATE ON ${meta}, ${personalKeys} TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${rows} TO ${role};
GRANT SELECT, UPDATE ON ${journalName} TO ${role};
GRANT EXECUTE ON FUNCTION ${functions} TO ${role};
`
}
