import { Pool } from 'pg'
import { postgresStoreSchema, postgresStores, preparePostgresStores } from 'procura/store/postgres'
import { service } from '../../test/services/postgres.service.ts'
import type { OpenSizedStores } from './sized-stores.ts'

const secret = new Uint8Array(32).fill(1)

/** The stores in a PostgreSQL server with its usual settings. */
export const sizedPostgres: OpenSizedStores = async (folder) => {
  const found = service.find()
  if (found === undefined || service.start === undefined) return undefined
  const { environment, stop } = await service.start(found, folder)
  const client = new Pool({ connectionString: environment['PROCURA_POSTGRES'] ?? '', max: 4 })
  await client.query(postgresStoreSchema())
  await preparePostgresStores({ client, secret, epoch: 0 })
  const { replay, revocations } = postgresStores({ client, secret })
  const random = `decode(md5(random()::text || i::text), 'hex')`
  return {
    replay,
    revocations,
    async fillCalls(count, expiration) {
      await client.query(
        `INSERT INTO procura_calls SELECT ${random}, $1 FROM generate_series(1, $2::bigint) AS t (i)`,
        [expiration, count],
      )
    },
    async fillRevocations(count) {
      await client.query(
        `INSERT INTO procura_revocations SELECT ${random}, '', 'Infinity' FROM generate_series(1, $1::bigint) AS t (i)`,
        [count],
      )
    },
    async bytes() {
      const { rows } = await client.query(
        `SELECT pg_total_relation_size('procura_calls') + pg_total_relation_size('procura_revocations') AS bytes`,
      )
      return Number((rows[0] as { readonly bytes: unknown }).bytes)
    },
    prune: () => replay.prune(),
    async close() {
      await client.end()
      await stop()
    },
  }
}
