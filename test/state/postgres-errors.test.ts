import { describe, expect, it } from 'vitest'
import { openConnection } from '../../src/state/postgres/connection.ts'

const open = (query: () => Promise<{ rows: readonly unknown[] }>) =>
  openConnection({ client: { query }, secret: new Uint8Array(32), prefix: 'procura', timeoutMs: 20, maxBatch: 1 })

describe('the error of PostgreSQL', () => {
  it('has the time limit of a statement that was not answered', async () => {
    const { query } = open(() => new Promise(() => undefined))
    await expect(query('SELECT 1')).rejects.toMatchObject({
      code: 'ERR_STORE',
      cause: { message: 'timed out after 20 ms' },
    })
  })

  it('of missing tables has the two steps, for a new database and for one that lost its data', async () => {
    const { ask } = open(async () => ({ rows: [] }))
    await expect(ask('SELECT 1', [])).rejects.toThrow(
      'if it is new or was upgraded, run `postgresStoreSchema()` and call `preparePostgresStores`; if its data was lost, do that and add the revocations again',
    )
  })
})
