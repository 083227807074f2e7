// node only: HMAC

import { maybe, type OptionChecks, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { type Clock, secondsOf, systemClock, type Timestamp } from '../../time.ts'
import { epochCheck } from '../epoch.ts'
import { connectionChecks, openConnection, otherSecret, type PostgresConnectionOptions } from './connection.ts'

/** Options of {@link preparePostgresStores}. */
export interface PreparePostgresStoresOptions extends PostgresConnectionOptions {
  /**
   * When the data begins. Default: the present time, which is right for an empty database that may have had data before. 0 for
   * the first database of a new service: no call was accepted before. A later time than that of stores that are prepared
   * already becomes their epoch.
   */
  readonly epoch?: Timestamp
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const optionChecks = Object.freeze({
  ...connectionChecks,
  epoch: maybe(epochCheck),
  clock: withDefault(withMethod('now'), systemClock),
}) satisfies OptionChecks<PreparePostgresStoresOptions>

/**
 * Prepares the tables of `postgresStoreSchema()`, unless they are: a step of the deployment. A store does not do this by
 * itself, because an empty database is also one that lost its revocations.
 *
 * @throws ArgumentError when an option is invalid; StoreError when the tables are missing, the server does not answer, or the
 *   stores were prepared with another secret.
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
      `UPDATE ${tables.meta} SET epoch = $2::float8, forgotten = 0, revocations_forgotten = 0, limits_forgotten = 0
       WHERE fingerprint = $1 AND epoch < $2::float8`,
      [names.fingerprint, String(epoch)],
    )
  }
  const [row] = await query(`SELECT fingerprint FROM ${tables.meta}`)
  if (row?.['fingerprint'] !== names.fingerprint) throw otherSecret()
}
