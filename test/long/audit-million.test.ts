import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readJsonlLines } from '../../src/audit/sinks/jsonl/read-jsonl-log.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import { intent } from '../audit/events.ts'

let directory: string

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'procura-audit-long-'))
})

afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('an audit log', () => {
  it('AUD-15 of a million records opens within a second, and verifies', async () => {
    const log = join(directory, 'million')
    const first = await openJsonlAuditSink({ directory: log, sync: 'none', maxBytes: 2 ** 31 })
    for (let i = 1; i <= 1_000_000; i++) await first.append(intent(i), {})
    await first.close()
    const began = performance.now()
    const sink = await openJsonlAuditSink({ directory: log })
    await sink.append(intent(1), {})
    expect(performance.now() - began).toBeLessThan(1000)
    await sink.close()
    expect(await verifyAuditLog(readJsonlLines({ directory: log }))).toMatchObject({ valid: true, records: 1_000_001 })
  }, 900_000)
})
