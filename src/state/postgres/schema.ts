import { maybe, nonEmptyString, type OptionChecks, readOptions, withDefault } from '../../support/options.ts'
import { assertPrefix } from '../prefix.ts'
import { type Tables, tablesOf } from '../tables.ts'

/** Options of {@link postgresStoreSchema}. */
export interface PostgresStoreSchemaOptions {
  /** The beginning of the names of the tables. Default `procura`. */
  readonly prefix?: string
  /** The role of the service, which must exist. It may read and write rows, and nothing else. */
  readonly role?: string
}

const optionChecks = Object.freeze({
  prefix: withDefault(nonEmptyString, 'procura'),
  role: maybe(nonEmptyString),
}) satisfies OptionChecks<PostgresStoreSchemaOptions>

/**
 * Returns the SQL that creates the tables, for their owner to run: once, and again after an upgrade, which changes no
 * existing row. `preparePostgresStores` comes after it.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function postgresStoreSchema(options: PostgresStoreSchemaOptions = {}): string {
  const { prefix, role } = readOptions('postgresStoreSchema', options, optionChecks)
  assertPrefix(prefix)
  if (role !== undefined) assertPrefix(role, 'role')
  const tables = tablesOf(prefix)
  return `${createTables(tables)}${role === undefined ? '' : grantsTo(role, tables)}`
}

function createTables({ meta, calls, revocations, personalKeys }: Tables): string {
  return `
CREATE TABLE IF NOT EXISTS ${meta} (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  fingerprint text NOT NULL, epoch float8 NOT NULL,
  forgotten float8 NOT NULL DEFAULT 0, revocations_forgotten float8 NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS ${calls} (key bytea PRIMARY KEY, expiration float8 NOT NULL, copies integer NOT NULL DEFAULT 1);
CREATE INDEX IF NOT EXISTS ${calls}_by_expiration ON ${calls} (expiration);
CREATE TABLE IF NOT EXISTS ${revocations} (
  id bytea NOT NULL, revoker bytea NOT NULL, until float8 NOT NULL, PRIMARY KEY (id, revoker)
);
CREATE INDEX IF NOT EXISTS ${revocations}_by_until ON ${revocations} (until);
CREATE TABLE IF NOT EXISTS ${personalKeys} (name bytea PRIMARY KEY, sealed text);
`
}

function grantsTo(role: string, { meta, calls, revocations, personalKeys }: Tables): string {
  return `REVOKE ALL ON ${meta}, ${calls}, ${revocations}, ${personalKeys} FROM ${role};
GRANT SELECT, INSERT, UPDATE ON ${meta}, ${personalKeys} TO ${role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ${calls}, ${revocations} TO ${role};
`
}
