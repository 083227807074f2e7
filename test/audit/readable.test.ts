import { describe, expect, it } from 'vitest'
import { memoryAuditSink } from '../../src/audit/memory.ts'
import { parseRecord } from '../../src/audit/record.ts'
import { verifyAuditLog } from '../../src/audit/verify-audit-log.ts'
import { confirmedEvents } from '../property/confirmed-events.ts'
import { shortRuns } from '../property/runs.ts'
import { intent } from './events.ts'

describe('an event that a sink confirms', () => {
  confirmedEvents(shortRuns(100))

  it.each(['/', '__proto__'])('LOG-10 keeps an argument named %s under a name that is read back', async (name) => {
    const sink = memoryAuditSink()
    const args = JSON.parse(`{"${name}": {"bytes": "AAAA"}, "to": 7}`)
    await sink.append(intent(1, { args }), {})
    await sink.append(intent(2, { args: { to: { deep: JSON.parse(`{"${name}": 1}`) } } }), {})
    expect(await verifyAuditLog(sink.lines())).toMatchObject({ valid: true, records: 2 })
    const [first, second] = sink.lines().map((line) => parseRecord(line).event as { readonly args: object })
    const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    expect(first?.args).toEqual({ [`${name}[0 bytes more, sha-256 ${empty}]`]: { bytes: 'AAAA' }, to: 7 })
    expect(second?.args).toEqual({ to: expect.stringMatching(/^\[cut/) })
  })

  it('LOG-10 has another key than a line can carry in no other field: it is refused', async () => {
    const sink = memoryAuditSink()
    const circle: { self?: unknown } = {}
    circle.self = circle
    let deep: unknown = 'x'
    for (let level = 0; level < 40; level++) deep = [deep]
    for (const key of ['/', '__proto__']) {
      const field = JSON.parse(`{"${key}": 1}`)
      for (const event of [
        { ...intent(1), policy: field },
        Object.defineProperty(intent(1), key, { value: 1, enumerable: true }),
      ]) {
        await expect(sink.append(event as never, {})).rejects.toThrow(`an audit event cannot have the key \`${key}\``)
      }
    }
    for (const field of [circle, deep]) {
      await expect(sink.append({ ...intent(1), policy: field } as never, {})).rejects.toThrow('more than 24 levels')
    }
    for (const args of [null, 'text', 7, [1], new Map(), () => 1]) {
      await expect(sink.append({ ...intent(1), args } as never, {})).rejects.toThrow(
        '`args` of an audit event must be a map',
      )
    }
    expect(sink.records()).toEqual([])
  })

  it('LOG-10 keeps two arguments whose names are the same once they are mended', async () => {
    const sink = memoryAuditSink()
    await sink.append(intent(1, { args: { 'a\ud800': 1, 'a\ud801': 2, 'a\ufffd': 3 } }), {})
    const { event } = parseRecord(sink.lines()[0] ?? '') as unknown as { event: { args: object } }
    expect(Object.values(event.args).sort()).toEqual([1, 2, 3])
  })
})
