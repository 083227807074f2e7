import { maxTolerance } from '../../time.ts'
import type { Tables } from '../tables.ts'

/** The names of the functions of limits. */
export interface LimitFunctions {
  /** Reserves the limits of several calls: requests as JSON, and the present time. Returns the answers as JSON. */
  readonly reserve: string
  /** Commits reservations: names, and the present time. Returns a truth value for each. */
  readonly commit: string
  /** Ends calls: names. */
  readonly release: string
  /**
   * Ends holds whose time is over: the present time, the time to begin with, and how many at most. Returns how many
   * there were, and the latest time of them, as JSON.
   */
  readonly expire: string
  /** For the others: ends a reservation that was not committed, if its time is over. */
  readonly end: string
}

/** Most committed holds that a reservation ends, beside twice as many as it adds. */
const endedAtOnce = 500

/** With a snapshot that is older than the locks, a function would not see the changes for which it has waited. */
export const assertIsolation: string = `IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
    RAISE EXCEPTION 'limits are counted with the isolation level READ COMMITTED; set it for the role of the service';
  END IF;`

/** Returns the names, which have the prefix of the tables. */
export function limitFunctionsOf({ limits }: Tables): LimitFunctions {
  return {
    reserve: `${limits}_reserve`,
    commit: `${limits}_commit`,
    release: `${limits}_release`,
    // A function of an earlier version has the name without the last word, and other arguments.
    expire: `${limits}_expire_from`,
    end: `${limits}_end`,
  }
}

/**
 * Returns the SQL that creates the functions. Decision 064 has the reasons.
 *
 * Each function locks the rows of the limits first, in the order of their keys, and then holds, in the order of their
 * reservations and keys. Two statements therefore never wait for each other. Each command of a function sees all
 * commits before its start, so every row that is read after the locks is current.
 */
export function createLimitFunctions(tables: Tables): string {
  const names = limitFunctionsOf(tables)
  return [
    endFunction(names, tables),
    reserveFunction(names, tables),
    commitFunction(names, tables),
    releaseFunction(names, tables),
    expireFunction(names, tables),
  ].join('')
}

function endFunction({ end }: LimitFunctions, { limitHolds: holds }: Tables): string {
  return `
CREATE OR REPLACE FUNCTION ${end}(call bytea, present float8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM ${holds} WHERE id = call AND pending AND until <= present ORDER BY key FOR UPDATE;
  DELETE FROM ${holds} WHERE id = call AND pending AND until <= present;
END $$;
`
}

function reserveFunction({ reserve, end }: LimitFunctions, tables: Tables): string {
  const { meta, limits, limitHolds: holds } = tables
  return `
CREATE OR REPLACE FUNCTION ${reserve}(asked jsonb, present float8) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  forgotten float8;
  locked bytea[];
  ended bytea;
  given jsonb;
  call bytea;
  refusal jsonb;
  answers jsonb := '[]';
BEGIN
  ${assertIsolation}
  -- Nothing is forgotten until this statement has ended. The expirations of one limit differ by the largest tolerance.
  SELECT limits_forgotten + ${maxTolerance} INTO STRICT forgotten FROM ${meta} FOR SHARE;
  SELECT array_agg(DISTINCT decode(entry->>'limit', 'hex')) INTO locked
  FROM jsonb_array_elements(asked) AS one (request), jsonb_array_elements(one.request->'entries') AS entries (entry)
  WHERE (entry->>'expiration')::float8 >= forgotten;
  -- The update locks each row, also one that it leaves as it is.
  INSERT INTO ${limits} AS known (key, expiration)
  SELECT decode(entry->>'limit', 'hex') AS key, max((entry->>'expiration')::float8)
  FROM jsonb_array_elements(asked) AS one (request), jsonb_array_elements(one.request->'entries') AS entries (entry)
  WHERE (entry->>'expiration')::float8 >= forgotten
  GROUP BY 1 ORDER BY 1
  ON CONFLICT (key) DO UPDATE SET expiration = excluded.expiration WHERE known.expiration < excluded.expiration;
  FOR ended IN
    SELECT DISTINCT id FROM ${holds} WHERE key = ANY (locked) AND pending AND until <= present ORDER BY id
  LOOP
    PERFORM ${end}(ended, present);
  END LOOP;
  -- Some of them, and more than this statement adds: they count as gone before that, too.
  DELETE FROM ${holds} WHERE (id, key) IN (
    SELECT id, key FROM ${holds} WHERE key = ANY (locked) AND NOT pending AND until <= present
    LIMIT ${endedAtOnce} + 2 * cardinality(locked)
  );

  FOR given IN SELECT value FROM jsonb_array_elements(asked) LOOP
    call := decode(given->>'id', 'hex');
    IF (given->>'deadline')::float8 <= present THEN
      answers := answers || '{"kind": "overdue"}'::jsonb;
      CONTINUE;
    END IF;
    IF EXISTS (
      SELECT 1 FROM jsonb_array_elements(given->'entries') AS entries (entry)
      WHERE (entry->>'expiration')::float8 < forgotten
    ) THEN
      answers := answers || '{"kind": "expired"}'::jsonb;
      CONTINUE;
    END IF;
    IF EXISTS (SELECT 1 FROM ${holds} WHERE id = call) THEN
      answers := answers || '{"kind": "taken"}'::jsonb;
      CONTINUE;
    END IF;
    ${findRefusal(tables)}
    IF FOUND THEN
      answers := answers || refusal;
      CONTINUE;
    END IF;
    answers := answers || '{"kind": "reserved"}'::jsonb;
    IF NOT (given->>'commit')::boolean THEN
      ${holdAll(tables)}
      CONTINUE;
    END IF;
    -- A call that is final at once needs no holds for its totals.
    ${useAll(tables)}
  END LOOP;
  RETURN answers;
END $$;
`
}

/** Finds the first limit of `given` that has not enough left. */
function findRefusal({ limits, limitHolds: holds, limitTasks: tasks }: Tables): string {
  return `SELECT jsonb_build_object('kind', 'short', 'place', place - 1, 'remaining', rest, 'free_at', next) INTO refusal
FROM (
  SELECT place, (entry->>'amount')::bigint AS amount, next,
    greatest(0, (entry->>'maximum')::bigint - used - coalesce(held, 0)) AS rest
  FROM jsonb_array_elements(given->'entries') WITH ORDINALITY AS entries (entry, place)
  JOIN ${limits} AS counted ON counted.key = decode(entry->>'limit', 'hex')
  CROSS JOIN LATERAL (
    SELECT sum(amount)::bigint AS held, min(until) AS next FROM ${holds}
    WHERE ${holds}.key = counted.key AND until > present
  ) AS counting
  WHERE NOT EXISTS (SELECT 1 FROM ${tasks} WHERE name = decode(entry->>'task', 'hex'))
) AS states
WHERE rest = 0 OR rest < amount ORDER BY place LIMIT 1;`
}

/** Holds the amounts of `given` until they are committed. */
function holdAll({ limitHolds: holds, limitTasks: tasks }: Tables): string {
  return `INSERT INTO ${holds} (id, key, kind, amount, until, later, pending, paid)
SELECT call, decode(entry->>'limit', 'hex'), entry->>'kind', CASE WHEN EXISTS (
    SELECT 1 FROM ${tasks} WHERE name = decode(entry->>'task', 'hex')
  ) THEN 0 ELSE (entry->>'amount')::bigint END,
  (given->>'deadline')::float8, (entry->>'later')::float8, true, decode(nullif(entry->>'task', ''), 'hex')
FROM jsonb_array_elements(given->'entries') AS entries (entry);`
}

/** Makes the amounts of `given` final. Its totals need no holds. */
function useAll({ limits, limitHolds: holds, limitTasks: tasks }: Tables): string {
  return `UPDATE ${limits} SET used = used + (entry->>'amount')::bigint
FROM jsonb_array_elements(given->'entries') AS entries (entry)
WHERE key = decode(entry->>'limit', 'hex') AND entry->>'kind' = 'total' AND (entry->>'amount')::bigint > 0
  AND NOT EXISTS (SELECT 1 FROM ${tasks} WHERE name = decode(entry->>'task', 'hex'));
INSERT INTO ${tasks} (name, expiration)
SELECT decode(entry->>'task', 'hex'), expiration
FROM jsonb_array_elements(given->'entries') AS entries (entry)
JOIN ${limits} ON key = decode(entry->>'limit', 'hex')
WHERE entry->>'task' <> '' AND (entry->>'amount')::bigint > 0
ON CONFLICT DO NOTHING;
INSERT INTO ${holds} (id, key, kind, amount, until, later, pending)
SELECT call, decode(entry->>'limit', 'hex'), entry->>'kind', (entry->>'amount')::bigint, (entry->>'later')::float8,
  (entry->>'later')::float8, false
FROM jsonb_array_elements(given->'entries') AS entries (entry)
WHERE entry->>'kind' <> 'total';`
}

function commitFunction(
  { commit, end }: LimitFunctions,
  { limits, limitHolds: holds, limitTasks: tasks }: Tables,
): string {
  return `
CREATE OR REPLACE FUNCTION ${commit}(names text[], present float8) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  calls bytea[] := ARRAY(SELECT decode(name, 'hex') FROM unnest(names) AS given (name));
  call bytea;
  was_pending boolean;
  ends float8;
  total record;
  answers jsonb := '[]';
BEGIN
  ${assertIsolation}
  PERFORM 1 FROM ${limits} WHERE key IN (SELECT key FROM ${holds} WHERE id = ANY (calls)) ORDER BY key FOR UPDATE;
  FOREACH call IN ARRAY calls LOOP
    PERFORM 1 FROM ${holds} WHERE id = call ORDER BY key FOR UPDATE;
    SELECT bool_or(pending), min(until) INTO was_pending, ends FROM ${holds} WHERE id = call;
    IF was_pending IS NOT TRUE OR ends <= present THEN
      PERFORM ${end}(call, present);
      -- No row: there is no reservation. No pending row: it was committed before.
      answers := answers || to_jsonb(was_pending IS NOT NULL AND NOT was_pending);
      CONTINUE;
    END IF;
    FOR total IN SELECT key, amount, paid FROM ${holds} WHERE id = call AND kind = 'total' ORDER BY key LOOP
      CONTINUE WHEN total.amount = 0 OR EXISTS (SELECT 1 FROM ${tasks} WHERE name = total.paid);
      UPDATE ${limits} SET used = used + total.amount WHERE key = total.key;
      INSERT INTO ${tasks} (name, expiration)
      SELECT total.paid, expiration FROM ${limits} WHERE key = total.key AND total.paid IS NOT NULL;
    END LOOP;
    DELETE FROM ${holds} WHERE id = call AND kind = 'total';
    -- The period of a rate begins now: it was counted from the deadline.
    UPDATE ${holds} SET pending = false, until = CASE kind WHEN 'rate' THEN later - until + present ELSE later END
    WHERE id = call;
    answers := answers || 'true'::jsonb;
  END LOOP;
  RETURN answers;
END $$;
`
}

function releaseFunction({ release }: LimitFunctions, { limits, limitHolds: holds }: Tables): string {
  return `
CREATE OR REPLACE FUNCTION ${release}(names text[]) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  calls bytea[] := ARRAY(SELECT decode(name, 'hex') FROM unnest(names) AS given (name));
BEGIN
  ${assertIsolation}
  PERFORM 1 FROM ${limits} WHERE key IN (SELECT key FROM ${holds} WHERE id = ANY (calls)) ORDER BY key FOR UPDATE;
  PERFORM 1 FROM ${holds} WHERE id = ANY (calls) ORDER BY id, key FOR UPDATE;
  DELETE FROM ${holds} WHERE id = ANY (calls) AND (pending OR kind = 'concurrent');
  RETURN to_jsonb(cardinality(calls));
END $$;
`
}

/** For a table that the server has not analyzed, it would collect and sort all ended holds to find the first ones. */
function expireFunction({ expire, end }: LimitFunctions, { limits, limitHolds: holds }: Tables): string {
  return `
CREATE OR REPLACE FUNCTION ${expire}(present float8, earliest float8, most integer) RETURNS jsonb LANGUAGE plpgsql
SET enable_bitmapscan = off SET enable_seqscan = off AS $$
DECLARE
  ended integer;
  latest float8;
  calls bytea[];
  call bytea;
BEGIN
  ${assertIsolation}
  SELECT count(*), max(until), array_agg(DISTINCT id ORDER BY id) INTO ended, latest, calls
  FROM (SELECT id, until FROM ${holds} WHERE until >= earliest AND until <= present ORDER BY until LIMIT most) AS over;
  PERFORM 1 FROM ${limits} WHERE key IN (SELECT key FROM ${holds} WHERE id = ANY (calls)) ORDER BY key FOR UPDATE;
  FOREACH call IN ARRAY coalesce(calls, '{}') LOOP
    PERFORM ${end}(call, present);
    DELETE FROM ${holds} WHERE id = call AND until <= present;
  END LOOP;
  RETURN jsonb_build_object('count', ended, 'last', latest::text);
END $$;
`
}
