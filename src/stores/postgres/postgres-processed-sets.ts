// node only: HMAC

import { checkProcessedSet } from '../../core/revocation/processed-sets.ts'
import { type OptionChecks, readOptions } from '../../support/options.ts'
import { secondsOf, type Timestamp } from '../../time.ts'
import { assertRemembered, clockChecks, type ProcessedSetsClock, processedBefore } from '../processed-entries.ts'
import type { SharedProcessedSets } from '../shared-stores.ts'
import {
  connectionChecks,
  forgettable,
  onDisk,
  openConnection,
  otherForm,
  type PostgresConnectionOptions,
} from './connection.ts'
import { forgetRows, noteForgotten } from './forget-rows.ts'

/** Options of {@link postgresProcessedSets}. */
export interface PostgresProcessedSetsOptions extends PostgresConnectionOptions, ProcessedSetsClock {}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...clockChecks,
}) satisfies OptionChecks<PostgresProcessedSetsOptions>

/**
 * Opens a memory of processed Security Event Tokens, the option `processed` of `securityEventReceiver`, in stores that
 * `preparePostgresStores` has prepared.
 *
 * @throws ArgumentError when an option is invalid.
 * @example
 * ```ts
 * import { postgresProcessedSets } from 'procura/store/postgres'
 *
 * const processed = postgresProcessedSets({ client: postgres, secret })
 * ```
 */
export function postgresProcessedSets(options: PostgresProcessedSetsOptions): SharedProcessedSets {
  const settings = readOptions('postgresProcessedSets', options, optionChecks)
  const connection = openConnection(settings)
  const { names, tables, ask } = connection
  const { meta, processedSets: table } = tables
  const nameOf = (id: string): string => names.hex('processed', id)

  return Object.freeze({
    async has(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      // One snapshot: it has the entry, or the time that is noted before the entry is forgotten.
      const find = `SELECT fingerprint, processed_forgotten AS forgotten,
        CASE WHEN EXISTS (SELECT 1 FROM ${table} WHERE key = decode($1, 'hex')) THEN 'yes' ELSE 'no' END AS known
        FROM ${meta}`
      const [{ known, forgotten }] = await ask(find, [nameOf(id)])
      if (known === 'yes') return true
      if (known !== 'no' || Number.isNaN(Number(forgotten ?? Number.NaN))) throw otherForm()
      assertRemembered(expiration, Number(forgotten))
      return false
    },
    async add(id: string, expiration: Timestamp) {
      checkProcessedSet(id, expiration)
      const add = `WITH added AS (
        INSERT INTO ${table} AS known (key, expiration)
        SELECT decode($1, 'hex'), $2::float8 FROM ${meta} WHERE fingerprint = $3
        ON CONFLICT (key) DO UPDATE SET expiration = greatest(known.expiration, excluded.expiration)
      ) SELECT fingerprint, ${onDisk} FROM ${meta}`
      await ask(add, [nameOf(id), String(expiration), names.fingerprint])
    },
    async prune({ signal }: { readonly signal?: AbortSignal | undefined } = {}) {
      const ended = `EXISTS (SELECT 1 FROM ${table} WHERE expiration < ${forgettable})`
      const noted = 'processed_forgotten'
      const until = await noteForgotten(connection, noted, ended, processedBefore(secondsOf(settings.clock)))
      if (until === undefined) return
      await forgetRows(connection, { table, noted, key: 'key', time: 'expiration' }, until, signal)
    },
  })
}
