import { describe, expect, it } from 'vitest'
import { postgresAuditSink } from '../../src/audit/postgres.ts'
import type { Confirmation } from '../../src/audit/sink.ts'
import { intent } from './events.ts'

describe('a log in PostgreSQL', () => {
  it('AUD-19 takes an event that comes in whichever turn a transaction ends', async () => {
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
})
