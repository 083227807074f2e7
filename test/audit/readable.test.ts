import { describe, expect, it } from 'vitest'
import { withCheckpoints } from '../../src/audit/combine/with-checkpoints.ts'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { formatRecord, parseRecord } from '../../src/audit/events/record.ts'
import type { AuditSink } from '../../src/audit/sink.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { verifyAuditLog } from '../../src/audit/verify/verify-audit-log.ts'
import type { IpldValue } from '../../src/core/ipld/value.ts'
import { confirmedEvents } from '../property/confirmed-events.ts'
import { shortRuns } from '../property/runs.ts'
import { actor } from '../support/actors.ts'
import { intent } from './events.ts'

const signer = await actor('service')

describe('a confirmed event', () => {
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

  it('LOG-10 is refused when another field has a key that a line cannot contain', async () => {
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
        await expect(sink.append(event as never, {})).rejects.toThrow(`an audit event must not have the key \`${key}\``)
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

  it('LOG-10 keeps two arguments whose names become equal when lone surrogates are replaced', async () => {
    const sink = memoryAuditSink()
    await sink.append(intent(1, { args: { 'a\ud800': 1, 'a\ud801': 2, 'a\ufffd': 3 } }), {})
    const { event } = parseRecord(sink.lines()[0] ?? '') as unknown as { event: { args: object } }
    expect(Object.values(event.args).sort()).toEqual([1, 2, 3])
  })

  it.each(['at once', 'when it is confirmed'])('LOG-10 is recorded without a change made %s', async (when) => {
    const append = async (change: boolean, wrap: (sink: AuditSink) => AuditSink): Promise<readonly string[]> => {
      const sink = memoryAuditSink()
      const bytes = new Uint8Array([1, 2, 3])
      const list = [{ a: 1 }]
      const args: Record<string, IpldValue> = { to: 'a'.repeat(600), bytes, list }
      const principals = ['a'.repeat(600), 'did:key:zB']
      const policy = { statement: 1, path: [2], selector: 'a'.repeat(600), more: { deep: [3] } }
      const stored = wrap(sink).append({ ...intent(1, { args }), principals, policy } as AuditEvent, {})
      if (when !== 'at once') await stored
      if (change) {
        bytes.fill(9)
        list[0] = { a: 2 }
        args['to'] = 'eve'
        principals.push('did:key:zC')
        policy.path[0] = 7
        policy.more.deep.push(8)
      }
      await stored
      expect(sink.records().map(formatRecord)).toEqual(sink.lines())
      return sink.lines()
    }
    const checked = (sink: AuditSink) => withCheckpoints(sink, { signer, log: 'mail', publish: () => undefined })
    for (const wrap of [(sink: AuditSink) => sink, checked]) {
      expect(await append(true, wrap)).toEqual(await append(false, wrap))
    }
  })

  it('LOG-10 has a record that no change reaches in a part that is also deeper than any recorded value', async () => {
    const append = async (change: boolean): Promise<readonly string[]> => {
      const sink = memoryAuditSink()
      const shared = { one: { two: { three: { four: 'before' } } } }
      for (const levels of [30, 37, 38, 39, 40, 41, 100, 20_000]) {
        let deep: IpldValue = shared
        for (let level = 0; level < levels; level++) deep = [deep]
        shared.one.two.three.four = 'before'
        const stored = sink.append(intent(levels, { args: { a: deep, b: shared } }), {})
        if (change) shared.one.two.three.four = 'after'
        await stored
      }
      return sink.lines()
    }
    expect(await append(true)).toEqual(await append(false))
  })
})
