import { maybe, nonEmptyString, readOptions, withDefault } from '../../../support/options.ts'
import { assertPostgresRole } from '../../../support/postgres-role.ts'
import { assertTableName } from '../table-name.ts'

/** Options of {@link postgresAuditSchema}. */
export interface PostgresAuditSchemaOptions {
  /** Default `audit_log`. */
  readonly table?: string
  /**
   * The role of the service, which must exist; not `public`. It may read, append and take its turn, and nothing else.
   */
  readonly role?: string
}

/**
 * Returns the SQL that creates the table, for its owner to run: once, and again after an upgrade, which changes no
 * existing row. A second table without columns, `<table>_turn`, is the lock of the writers: a lock on a table requires
 * a right on it.
 *
 * Rows cannot be changed or removed, by the owner only after removing the trigger. The role of the service cannot do
 * that.
 *
 * @throws ArgumentError when an option is invalid.
 */
export function postgresAuditSchema(options: PostgresAuditSchemaOptions = {}): string {
  const { table, role } = readOptions('postgresAuditSchema', options, {
    table: withDefault(nonEmptyString, 'audit_log'),
    role: maybe(nonEmptyString),
  })
  assertTableName(table, 2)
  const rule = `${table}_unchanged`
  const grants = role === undefined ? '' : grantsTo(role, table)
  return `
CREATE TABLE IF NOT EXISTS ${table} (
  sequence bigint PRIMARY KEY,
  hash text NOT NULL UNIQUE,
  previous text NOT NULL UNIQUE,
  line text NOT NULL,
  outcome_of text
);
ALTER TABLE ${table} ADD COLUMN IF NOT EXISTS outcome_of text;
CREATE UNIQUE INDEX IF NOT EXISTS ${table.slice(table.indexOf('.') + 1)}_outcome ON ${table} (outcome_of);
CREATE TABLE IF NOT EXISTS ${table}_turn ();
CREATE OR REPLACE FUNCTION ${rule}() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'an audit log is not changed'; END $$;
CREATE OR REPLACE TRIGGER no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON ${table}
  FOR EACH STATEMENT EXECUTE FUNCTION ${rule}();
${grants}`
}

function grantsTo(role: string, table: string): string {
  assertPostgresRole(role)
  return `REVOKE ALL ON ${table}, ${table}_turn FROM ${role};
GRANT SELECT, INSERT ON ${table} TO ${role};
GRANT UPDATE ON ${table}_turn TO ${role};
`
}
