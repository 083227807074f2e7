// node only: HMAC

import { type OptionChecks, readOptions } from '../../support/options.ts'
import { secondsOf } from '../../time.ts'
import { type PreparationOptions, preparationChecks } from '../epoch.ts'
import { connectionChecks, openConnection, otherSecret, type PostgresConnectionOptions } from './connection.ts'

/** Options of {@link preparePostgresStores}. */
export interface PreparePostgresStoresOptions extends PostgresConnectionOptions, PreparationOptions {}

const optionChecks = Object.freeze({
  ...connectionChecks,
  ...preparationChecks,
}) satisfies OptionChecks<PreparePostgresStoresOptions>

/**
 * Prepares the tables of `postgresStoreSchema()`, unless they are: a step of the deployment. A store does not do this
 * by itself, because an empty database is also one that lost its revocations.
 *
 * @throws ArgumentError when an option is invalid; StoreError when the tables are missing, the server does not answer,
 *   or the stores were prepared with another secret.
 */
export async function preparePostgresStores(options: PreparePostgresStoresOptions): Promise<void> {
  const { epoch, clock, ...settings } = readOptions('preparePostgresStores', options, optionChecks)
  const { query, names, tables } = openConnection(settings)
  await query(`INSERT INTO ${tables.meta} (fingerprint, epoch) VALUES ($1, $2::float8) ON CONFLICT DO NOTHING`, [
    names.fingerprint,
    String(epoch ?? secondsOf(clock)),
  ])
  if (epoch !== undefined) {
    // The times at which entries were forgotten belong to the data before the epoch.
    await query(
      `UPDATE ${tables.meta} SET epoch = $2::float8, forgotten = 0, revocations_forgotten = 0, limits_forgotten = 0,
       processed_forgotten = 0
       WHERE fingerprint = $1 AND epoch < $2::float8`,
      [names.fingerprint, String(epoch)],
    )
  }
  const [row] = await query(`SELECT fingerprint FROM ${tables.meta}`)
  if (row?.['fingerprint'] !== names.fingerprint) throw otherSecret()
}
