import { maxTolerance } from '../../time.ts'
import type { Tables } from '../tables.ts'
import { assertIsolation, limitFunctionsOf } from './limit-functions.ts'
import { foundRevocations } from './revocation-function.ts'

/** Returns the name of the function that answers everything about calls. */
export function callFunctionOf({ calls }: Tables): string {
  return `${calls}_ask`
}

/**
 * Returns the SQL that creates it. It takes a list of questions as JSON, and the present time.
 *
 * It returns the rows of the revocations of all questions, the calls that were claimed for the first time and those
 * that were not, and the answers to the reservations of the first ones: each with the place of its question. A call
 * with a revocation is not claimed. Locks are taken in the order of the other statements: stores, calls, limits, holds.
 */
export function createCallFunction(tables: Tables): string {
  const { meta, calls } = tables
  return `
CREATE OR REPLACE FUNCTION ${callFunctionOf(tables)}(asked jsonb, present float8) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  stores ${meta}%ROWTYPE;
  found jsonb;
  revoked bigint[];
  free jsonb;
  first text[];
  known text[];
  winners jsonb;
  reserved jsonb;
BEGIN
  ${assertIsolation}
  SELECT * INTO STRICT stores FROM ${meta} FOR SHARE;
  SELECT coalesce(jsonb_agg(jsonb_build_array(place - 1, encode(id, 'hex'), encode(revoker, 'hex'))), '[]'), array_agg(place)
  INTO found, revoked FROM (${foundRevocations(tables, 'asked')}) AS rows;
  SELECT coalesce(jsonb_agg(question || jsonb_build_object('place', place - 1)), '[]') INTO free
  FROM jsonb_array_elements(asked) WITH ORDINALITY AS one (question, place)
  WHERE NOT coalesce(place = ANY (revoked), false) AND (question->>'epoch')::float8 = stores.epoch
    AND (question->>'expiration')::float8 >= stores.forgotten + ${maxTolerance}
    AND present >= stores.revocations_forgotten;
  WITH claimed AS (
    INSERT INTO ${calls} AS claims (key, expiration)
    SELECT decode(question->>'call', 'hex') AS key, max((question->>'expiration')::float8)
    FROM jsonb_array_elements(free) AS one (question) GROUP BY 1 ORDER BY 1
    ON CONFLICT (key) DO UPDATE SET
      expiration = greatest(claims.expiration, excluded.expiration),
      copies = least(claims.copies, 1000000) + 1
    RETURNING key, copies
  )
  SELECT array_agg(encode(key, 'hex')) FILTER (WHERE copies = 1), array_agg(encode(key, 'hex')) FILTER (WHERE copies > 1)
  INTO first, known FROM claimed;
  -- Of several copies, the one that came first is the first.
  SELECT coalesce(jsonb_agg(question ORDER BY question->'place'), '[]') INTO winners FROM (
    SELECT DISTINCT ON (question->>'call') question FROM jsonb_array_elements(free) AS one (question)
    WHERE question->>'call' = ANY (first) ORDER BY question->>'call', question->'place'
  ) AS winning;
  SELECT jsonb_agg(question->'limits') INTO reserved FROM jsonb_array_elements(winners) AS one (question)
  WHERE question ? 'limits';
  IF reserved IS NOT NULL THEN
    reserved := ${limitFunctionsOf(tables).reserve}(reserved, present);
  END IF;
  RETURN jsonb_build_object(
    'epoch', stores.epoch, 'forgotten', stores.revocations_forgotten, 'found', found, 'known', known,
    'first', (SELECT coalesce(jsonb_agg(question->'place'), '[]') FROM jsonb_array_elements(winners) AS one (question)),
    'limited', (SELECT coalesce(jsonb_agg(question->'place'), '[]') FROM jsonb_array_elements(winners) AS one (question)
      WHERE question ? 'limits'),
    'calls', first, 'reserved', reserved
  );
END $$;
`
}
