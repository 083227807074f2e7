import type { Tables } from '../tables.ts'

/** Returns the name of the function that adds revocations. */
export function addFunctionOf({ revocations }: Tables): string {
  return `${revocations}_add`
}

/**
 * Returns the SQL of the rows of some queries, each with the place of its query, from 1.
 *
 * Each pair of a delegation and a revoker is looked up by both: the rows of other revokers are not read. The planner
 * expects 10 elements of an array and 100 of a JSON list, and would compile a statement of a million pairs.
 *
 * @param queries - SQL of a JSON list of `{ delegations, principals, revokers }`.
 */
export function foundRevocations({ revocations }: Tables, queries: string): string {
  const namesIn = (list: string, name: string): string =>
    `CROSS JOIN LATERAL unnest(ARRAY(SELECT jsonb_array_elements_text(query->'${list}'))) AS ${list} (${name})`
  const rowsWhere = (condition: string): string =>
    `CROSS JOIN LATERAL (SELECT * FROM ${revocations} WHERE ${condition} OFFSET 0) AS found`
  const all = `SELECT place, found.id, found.revoker
    FROM unnest(ARRAY(SELECT jsonb_array_elements(${queries}))) WITH ORDINALITY AS one (query, place)`
  return `
    ${all} ${namesIn('delegations', 'named')} ${namesIn('revokers', 'by')}
    ${rowsWhere("id = decode(named, 'hex') AND revoker = decode(by, 'hex')")}
    UNION ALL ${all} ${namesIn('principals', 'named')} ${rowsWhere("id = decode(named, 'hex')")}`
}

/** The channel on which an addition is announced. */
export function revocationChannel({ revocations }: Pick<Tables, 'revocations'>): string {
  return revocations
}

/**
 * Returns the SQL that creates it. It takes the keyed hash of a revoker, the time until which the revocation is kept,
 * and for each id its keyed hash and the encrypted entry.
 *
 * The row of the journal is locked from the first number to the end of the statement, so an entry never appears after
 * one with a larger number.
 */
export function createAddFunction(tables: Tables): string {
  const { revocations, revocationJournal: journal, journalName } = tables
  return `
CREATE OR REPLACE FUNCTION ${addFunctionOf(tables)}(by_whom bytea, ends float8, ids text[], entries text[])
RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  last bigint;
  added integer := 0;
  given record;
BEGIN
  SELECT head INTO STRICT last FROM ${journalName} FOR UPDATE;
  FOR given IN SELECT decode(name, 'hex') AS id, entry FROM unnest(ids, entries) AS t (name, entry) ORDER BY 1 LOOP
    INSERT INTO ${revocations} AS known (id, revoker, until) VALUES (given.id, by_whom, ends)
    ON CONFLICT (id, revoker) DO UPDATE SET until = greatest(known.until, excluded.until);
    CONTINUE WHEN EXISTS (
      SELECT 1 FROM ${journal} AS listed WHERE listed.id = given.id AND listed.revoker = by_whom AND listed.until >= ends
    );
    added := added + 1;
    INSERT INTO ${journal} AS listed (sequence, id, revoker, until, sealed)
    VALUES (last + added, given.id, by_whom, ends, decode(given.entry, 'base64'))
    ON CONFLICT (id, revoker) DO UPDATE SET
      sequence = excluded.sequence, until = excluded.until, sealed = excluded.sealed;
  END LOOP;
  IF added > 0 THEN
    UPDATE ${journalName} SET head = last + added;
    PERFORM pg_notify('${revocationChannel(tables)}', (last + added)::text);
  END IF;
  RETURN added;
END $$;
`
}
