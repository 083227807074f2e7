import { describe, expect, it } from 'vitest'
import type { Confirmation } from '../../src/audit/sink.ts'
import { openPostgresAuditSink, postgresAuditSink } from '../../src/audit/sinks/postgres/postgres-audit-sink.ts'
import { intent } from './events.ts'

describe('a log in PostgreSQL', () => {
  it('AUD-19 accepts an event in any order of the ends of transactions', async () => {
    for (let turns = 0; turns < 12; turns++) {
      let onCommit: (() => void) | undefined
      const connection = {
        query: async (sql: string) => {
          if (sql === 'COMMIT') onCommit?.()
          return { rows: [] }
        },
        release: () => undefined,
      }
      const sink = postgresAuditSink({ pool: { connect: async () => connection } })
      const second = new Promise<Confirmation>((resolve, reject) => {
        const appendIn = (rest: number): void => {
          if (rest > 0) queueMicrotask(() => appendIn(rest - 1))
          else sink.append(intent(2), {}).then(resolve, reject)
        }
        onCommit = () => {
          onCommit = undefined
          appendIn(turns)
        }
      })
      await sink.append(intent(1), {})
      expect(await second).toMatchObject({ sink: 'postgres' })
      await sink.close()
    }
  })

  it('AUD-19 refuses an event that is too long for a line, and confirms the others of its batch', async () => {
    const inserted: unknown[] = []
    const connection = {
      async query(sql: string, parameters: readonly unknown[] = []) {
        if (sql.startsWith('INSERT')) inserted.push(parameters[0])
        return { rows: [] }
      },
      release: () => undefined,
    }
    const sink = postgresAuditSink({ pool: { connect: async () => connection } })
    const long = intent(2, { principals: Array.from({ length: 64 }, () => '\u0001'.repeat(512)) })
    const results = await Promise.allSettled([intent(1), long, intent(3)].map((event) => sink.append(event, {})))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({ reason: { code: 'ERR_AUDIT_CONFIGURATION' } })
    expect(inserted.flat()).toHaveLength(2)
    await sink.close()
  })

  it('AUD-19 releases the connection of each query once, after a failure with its error', async () => {
    const released: unknown[][] = []
    let fault: Error | undefined
    const connection = {
      async query() {
        if (fault !== undefined) throw fault
        return { rows: [{ there: true, allowed: true, read_only: false }] }
      },
      release: (...given: unknown[]) => void released.push(given),
    }
    const pool = { connect: async () => connection }
    await (await openPostgresAuditSink({ pool })).close()
    expect(released).toEqual([[]])
    fault = new Error('the connection was lost')
    await expect(openPostgresAuditSink({ pool })).rejects.toMatchObject({ cause: fault })
    expect(released).toEqual([[], [fault]])
  })

  it('AUD-19 uses the pool that it has checked, and names the function of an invalid option', async () => {
    const query = async (): Promise<{ rows: unknown[] }> => ({
      rows: [{ there: true, allowed: true, read_only: false }],
    })
    let reads = 0
    const options = {
      get pool() {
        reads += 1
        return { connect: async () => ({ query, release: () => undefined }) }
      },
    }
    await (await openPostgresAuditSink(options)).close()
    expect(reads).toBe(1)
    await expect(openPostgresAuditSink({ ...options, maxBatch: 0 })).rejects.toThrow(
      /^openPostgresAuditSink: `maxBatch`/,
    )
  })

  it('AUD-01 rejects an abandoned append with an AuditError', async () => {
    const connection = { query: async () => ({ rows: [] }), release: () => undefined }
    const sink = postgresAuditSink({ pool: { connect: async () => connection } })
    const given = sink.append(intent(1), { signal: AbortSignal.abort(new Error('gone')) })
    await expect(given).rejects.toMatchObject({ name: 'AuditError', code: 'ERR_AUDIT_UNCONFIRMED' })
    await sink.close()
  })
})
