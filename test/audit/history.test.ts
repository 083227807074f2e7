import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allOf } from '../../src/audit/combine/all-of.ts'
import { anyOf } from '../../src/audit/combine/any-of.ts'
import { bestEffort } from '../../src/audit/combine/best-effort.ts'
import { withCheckpoints } from '../../src/audit/combine/with-checkpoints.ts'
import { withDeadline } from '../../src/audit/combine/with-deadline.ts'
import { withHealth } from '../../src/audit/combine/with-health.ts'
import { auditHistory } from '../../src/audit/history.ts'
import { openJsonlAuditSink } from '../../src/audit/sinks/jsonl/jsonl-audit-sink.ts'
import { readBackwards } from '../../src/audit/sinks/jsonl/read-backwards.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { stdoutAuditSink } from '../../src/audit/sinks/stdout-audit-sink.ts'
import { generateSigner } from '../../src/core/principal/generate-signer.ts'
import { AuditError, MalformedError } from '../../src/errors.ts'
import { id, intent, logOf } from './events.ts'
import { type Faults, faultyFiles } from './jsonl/faulty-files.ts'
import { temporaryDirectory } from './jsonl/temporary.ts'
import { readBack } from './read-back.ts'

async function linesBack(path: string): Promise<number[]> {
  const numbers: number[] = []
  for await (const page of readBackwards(path)) numbers.push(...page.map(({ sequence }) => sequence))
  return numbers
}

const down = (count: number): number[] => Array.from({ length: count }, (_, i) => count - i)

describe('the history of a log', () => {
  it('LOG-14 returns the last record first, over all files, and counts the records from before the start', async () => {
    const directory = temporaryDirectory()
    const first = await openJsonlAuditSink({ directory, maxBytes: 4096 })
    expect(first.history?.inherited).toBe(0)
    await Promise.all(Array.from({ length: 30 }, (_, i) => first.append(intent(i + 1), {})))
    await first.close()
    const second = await openJsonlAuditSink({ directory, maxBytes: 4096 })
    await second.append(intent(31), {})
    expect(second.history?.inherited).toBe(30)
    const records = await readBack(second)
    expect(records.map(({ sequence }) => sequence)).toEqual(down(31))
    expect(records[0]?.event).toMatchObject({ kind: 'intent', id: id(31) })
    const [oldest = ''] = readdirSync(directory)
    rmSync(join(directory, oldest))
    expect((await readBack(second)).length).toBeLessThan(31)
    await second.close()
    await expect(readBack(second)).rejects.toMatchObject({ code: 'ERR_AUDIT_CLOSED' })
    const memory = memoryAuditSink()
    for (let i = 1; i <= 3; i++) await memory.append(intent(i), {})
    expect((await readBack(memory)).map(({ sequence }) => sequence)).toEqual([3, 2, 1])
    expect(memory.history?.inherited).toBe(0)
  })

  it('LOG-14 is split into lines correctly, wherever a block of the file begins', async () => {
    const path = join(temporaryDirectory(), 'log')
    const block = 256 * 1024
    const lines = await logOf(60)
    const [first = ''] = lines
    const records = [...Array.from({ length: 900 }, () => first), ...lines.slice(1)]
    const whole = `${records.join('\n')}\n`
    expect(whole.length).toBeGreaterThan(2 * block)
    // The torn bytes at the end move the beginnings of the blocks.
    const edge = whole.length - block - whole.lastIndexOf('\n', whole.length - block)
    for (const torn of [0, 1, edge - 1, edge, edge + 1, 300, first.length - 1]) {
      writeFileSync(path, whole + 'x'.repeat(torn), { mode: 0o600 })
      expect(await linesBack(path), `${torn} bytes torn`).toEqual([...down(60).slice(0, 59), ...Array(900).fill(1)])
    }
    for (const text of ['', 'torn', 'x'.repeat(3 * block)]) {
      writeFileSync(path, text, { mode: 0o600 })
      expect(await linesBack(path)).toEqual([])
    }
    writeFileSync(path, `\n${first}\n`)
    await expect(linesBack(path)).rejects.toThrow(MalformedError)
    writeFileSync(path, `${'x'.repeat(3 * block)}\n`)
    await expect(linesBack(path)).rejects.toThrow(AuditError)
  })

  it('LOG-14 contains no record that the disk can still lose', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
    await sink.append(intent(1), {})
    faults.sync = 'EIO'
    faults.syncMs = 20
    const lost = sink.append(intent(2), {})
    await new Promise((resolve) => setTimeout(resolve, 5))
    await expect(readBack(sink)).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    await expect(lost).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
    delete faults.sync
    await sink.append(intent(3), {})
    appendFileSync(join(directory, 'audit-0000000000000001.jsonl'), '{"half')
    expect((await readBack(sink)).map(({ event }) => event.kind)).toEqual(['intent', 'recovered', 'intent'])
    await sink.close()
  })

  it('LOG-14 is not read as empty while the end of the log cannot be repaired, and keeps its position', async () => {
    const directory = temporaryDirectory()
    const faults: Faults = {}
    const sink = await openJsonlAuditSink({ directory, files: faultyFiles(faults) })
    const { sequence } = await sink.append(intent(1), {})
    faults.room = 20
    faults.truncate = 'EIO'
    await expect(sink.append(intent(2), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_SHORT_WRITE' })
    delete faults.room
    delete faults.truncate
    faults.open = 'EMFILE'
    for (let i = 0; i < 2; i++) {
      await expect(sink.append(intent(3), {})).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED' })
      await expect(readBack(sink)).rejects.toMatchObject({ code: 'ERR_AUDIT_UNCONFIRMED', cause: { code: 'EMFILE' } })
      expect(sink.position()).toMatchObject({ sequence })
    }
    delete faults.open
    expect((await readBack(sink)).map(({ event }) => event.id)).toEqual([id(1)])
    await sink.append(intent(4), {})
    expect((await readBack(sink)).map(({ event }) => event.kind)).toEqual(['intent', 'recovered', 'intent'])
    await sink.close()
  })

  it('LOG-14 is passed on by wrapping sinks, except those whose log may lack events', async () => {
    const memory = memoryAuditSink()
    const { history } = memory
    const other = stdoutAuditSink()
    const onFailure = (): void => undefined
    const signer = await generateSigner()
    const checkpoints = withCheckpoints(memory, { signer, log: 'mail', publish: () => undefined })
    for (const sink of [withDeadline(memory), withHealth(memory), checkpoints, allOf([other, memory])]) {
      expect(sink.history).toBe(history)
    }
    for (const sink of [other, bestEffort(memory, { onFailure }), anyOf([memory], { onFailure }), allOf([other])]) {
      expect('history' in sink).toBe(false)
    }
  })

  it('LOG-14 runs one task at a time, also after a failed task', async () => {
    const { inTurn } = auditHistory({ inherited: 0, newestFirst: async function* () {} })
    const order: string[] = []
    const first = inTurn(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5))
      order.push('first')
      throw new Error('failed')
    })
    const second = inTurn(async () => order.push('second'))
    await expect(first).rejects.toThrow('failed')
    await second
    expect(order).toEqual(['first', 'second'])
  })
})
