import { encodeBase64 } from '../../../core/ipld/base.ts'
import type { RecordLine } from '../../events/draft.ts'

/** A record to insert. */
export interface Row extends RecordLine {
  /** The intent that the record ends. */
  readonly outcomeOf: string | undefined
}

/** Records to insert, and the conditions. */
export interface Insertion {
  /** Hash of the last record in the table. */
  readonly after: string
  readonly rows: readonly Row[]
  /** Intents that must not have an end in the table. */
  readonly intents: readonly string[]
}

/**
 * Returns a statement that inserts all records if the conditions hold, and otherwise no record. It returns the numbers
 * of the records. The values are a literal, because a query with parameters has one statement, and this query has
 * several. The literal is base64: it contains no character that could end it.
 */
export function insertion(table: string, { after, rows, intents }: Insertion): string {
  const records = rows.map(({ sequence, hash, previous, line, outcomeOf = null }) => [
    sequence,
    hash,
    previous,
    line,
    outcomeOf,
  ])
  const values = encodeBase64(new TextEncoder().encode(JSON.stringify({ after, records, intents })))
  // The name of a table has no capital letter, so it differs from these names.
  return `WITH "Given" AS (SELECT convert_from(decode('${values}', 'base64'), 'UTF8')::json AS "values"),
      "Ended" AS (
        SELECT FROM "Given", json_array_elements_text("values"->'intents') AS "Intents"("Intent")
          JOIN ${table} ON outcome_of = "Intent"
      )
    INSERT INTO ${table} (sequence, hash, previous, line, outcome_of)
      SELECT ("Record"->>0)::bigint, "Record"->>1, "Record"->>2, "Record"->>3, "Record"->>4
      FROM "Given", json_array_elements("values"->'records') AS "Records"("Record")
      WHERE (SELECT hash FROM ${table} ORDER BY sequence DESC LIMIT 1) = "values"->>'after'
        AND NOT EXISTS (SELECT FROM "Ended")
      RETURNING sequence`
}
