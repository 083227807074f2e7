import { Pool } from 'pg'
import {
  type PostgresStoreClient,
  postgresProcessedSets,
  postgresStoreSchema,
  postgresStores,
  preparePostgresStores,
} from 'procura/store/postgres'
import { service } from '../../test/services/postgres.service.ts'
import {
  kindsOf,
  later,
  nextCall,
  type OpenPrunedStores,
  partsOf,
  type SharedStores,
  secret,
  stepTimes,
  tableOf,
} from './pruned-stores.ts'

/** The stores in a PostgreSQL server with its usual settings. */
export const prunedPostgres: OpenPrunedStores = async (folder, size) => {
  const found = service.find()
  if (found === undefined || service.start === undefined) return undefined
  const { environment, stop } = await service.start(found, folder)
  const pool = new Pool({ connectionString: environment['PROCURA_POSTGRES'] ?? '', max: 4 })
  await pool.query(postgresStoreSchema())
  await preparePostgresStores({ client: pool, secret, epoch: 0 })
  const random = (salt: string): string => `decode(md5('${salt}' || random()::text || i::text), 'hex')`
  const fill = (table: string, columns: string, count: number): Promise<unknown> =>
    pool.query(`INSERT INTO procura_${table} SELECT ${columns} FROM generate_series(1, ${count}) AS t (i)`)
  let first = 0
  for (const { end, calls, others } of partsOf(size)) {
    const ends = `${end} + i % 660`
    await fill('calls', `${random('call')}, ${ends}`, calls)
    await fill('processed_sets', `${random('set')}, ${ends}`, others)
    await fill('revocations', `${random('id')}, '', ${ends}`, others)
    await fill(
      'revocation_journal',
      `${first} + i, ${random('id')}, '', ${ends}, decode(repeat(md5(i::text), 4), 'hex')`,
      others,
    )
    first += others
    await fill('limits', `${random('limit')}, 1, ${ends}`, others)
    // One use within a period that has not ended.
    await pool.query(`INSERT INTO procura_limit_holds
      SELECT key, key, 'rate', 1, ${later()}, ${later()}, false FROM procura_limits ON CONFLICT DO NOTHING`)
  }
  await pool.query('VACUUM ANALYZE')
  await pool.query('CHECKPOINT')
  const steps = stepTimes()
  const client: PostgresStoreClient = {
    async query(text, values) {
      const start = performance.now()
      const answer = await pool.query(text, [...(values ?? [])])
      steps.add(performance.now() - start)
      return answer
    },
  }
  const { replay, revocations, limitStore } = postgresStores({ client, secret, timeoutMs: 60_000 })
  const processed = postgresProcessedSets({ client, secret, timeoutMs: 60_000 })
  const other = postgresStores({ client: pool, secret, timeoutMs: 60_000 }).replay
  const count = async (store: keyof SharedStores): Promise<number> => {
    const { rows } = await pool.query(`SELECT count(*) AS count FROM ${tableOf(store)}`)
    return Number((rows[0] as { count: unknown }).count)
  }
  return {
    kinds: kindsOf({ calls: replay, processed, revocations, limits: limitStore }, count),
    async claim() {
      await other.claim(nextCall(), later(), {})
    },
    takeSteps: steps.takeSteps,
    async close() {
      await pool.end()
      await stop()
    },
  }
}
