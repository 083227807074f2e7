import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/events/event.ts'
import { type OcsfOptions, toOcsf } from '../../src/audit/events/ocsf.ts'
import type { AuditRecord } from '../../src/audit/events/record.ts'
import { toCanonicalJson } from '../../src/audit/events/record-json.ts'
import { memoryAuditSink } from '../../src/audit/sinks/memory-audit-sink.ts'
import { ArgumentError } from '../../src/errors.ts'
import { agent, alice, denied, id, intent, outcome, service } from './events.ts'
import { faultsOfApiActivity } from './ocsf-schema.ts'

const options: OcsfOptions = { product: { name: 'mail', vendorName: 'Example', version: '1.2.3' }, log: 'mail' }

function leavesOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : [value]
}

const events: readonly AuditEvent[] = [
  intent(1, {
    chain: ['bafyroot', 'bafyleaf'],
    principals: [alice, 'did:key:zMiddle', agent],
    args: { amount: 7, bytes: new Uint8Array([1]) },
  }),
  intent(2, { chain: [], principals: [agent] }),
  outcome(3, 1, { durationMs: 12.4, upstreamStatus: 200 }),
  outcome(4, 2, { status: 'error', code: 'ERR_VAULT_UPSTREAM' }),
  outcome(5, 2, { status: 'unknown' }),
  denied(6, { policy: { statement: 1, path: [0], operator: 'like', selector: '.to' }, suppressed: 4 }),
  denied(7, { mode: 'shadow' }),
  denied(16, { authenticated: true, subject: alice, chain: ['bafyroot', 'bafyleaf'] }),
  denied(17, { authenticated: false, subject: alice, chain: ['bafyroot', 'bafyleaf'], principals: [alice, agent] }),
  { kind: 'denied', id: id(8), time: 1, code: 'malformed' },
  {
    kind: 'issued',
    id: id(9),
    time: 1,
    delegation: 'bafy',
    issuer: alice,
    audience: agent,
    subject: 'did:key:zOwner',
    command: '/mail',
    expiration: 9,
  },
  {
    ...{ kind: 'seen', id: id(19), time: 1, delegation: 'bafy', issuer: alice, audience: agent },
    ...{ command: '/mail', chain: ['bafyroot'], policyHash: 'ab', notBefore: 1, expiration: 9 },
  },
  { kind: 'released', id: id(10), time: 1, intent: id(1), vault: 'smtp', downscoped: false },
  { kind: 'revoked', id: id(11), time: 1, revoked: 'bafyleaf', issuer: alice },
  { kind: 'revoked', id: id(12), time: 1, revoked: 'bafyleaf' },
  { kind: 'recovered', id: id(13), time: 1, reason: 'torn_tail', segment: 'audit', droppedBytes: 1, droppedHash: 'ab' },
  { kind: 'checkpoint', id: id(14), time: 1, log: 'mail', sequence: 9, hash: 'ab', signer: service, signature: 'ab' },
  intent(15, { mode: 'shadow', outcomeBy: 1_800_000_090 }),
  { kind: 'settled', id: id(18), time: 1, before: 7 },
]

describe('a record as OCSF', () => {
  it('AUD-22 has only attributes of the schema, of the right types and numbers, and all required ones', async () => {
    const sink = memoryAuditSink()
    for (const event of events) await sink.append(event, {})
    expect(new Set(sink.records().map(({ event }) => event.kind)).size).toBe(10)
    for (const record of sink.records()) {
      for (const activity of ['create', 'read', 'update', 'delete', 'other'] as const) {
        const event = toOcsf(record, { ...options, activityOf: () => activity })
        expect(faultsOfApiActivity(event), `${record.event.kind} ${activity}`).toEqual([])
        expect(faultsOfApiActivity(JSON.parse(JSON.stringify(event)))).toEqual([])
      }
      expect(faultsOfApiActivity(toOcsf(record, { product: { name: 'a', vendorName: 'b' } }))).toEqual([])
    }
  })

  it('AUD-22 is compared with a schema by a function that finds faults', async () => {
    const sink = memoryAuditSink()
    await sink.append(events[0] as AuditEvent, {})
    const event = toOcsf(sink.records()[0] as AuditRecord, options)
    const { time: _, ...untimed } = event
    const { actor: __, ...nobody } = event
    const wrong: readonly (readonly [string, unknown])[] = [
      ['time is missing', untimed],
      ['actor is missing', nobody],
      ['colour is unknown', { ...event, colour: 'red' }],
      ['delegation.scopes is unknown', { ...event, delegation: { uid: 'a', scopes: ['b'] } }],
      ['delegation.uid is missing', { ...event, delegation: { parent_uid: 'a' } }],
      ['delegation is unknown', { ...event, metadata: { ...event.metadata, profiles: ['security_control'] } }],
      ['cloud is missing', { ...event, metadata: { ...event.metadata, profiles: ['cloud'] } }],
      ['time is no timestamp_t', { ...event, time: '2026' }],
      ['severity_id has 7', { ...event, severity_id: 7 }],
      ['activity_id is 99, and activity_name does not say what', { ...event, activity_name: undefined }],
      ['status_id is Success, status Failure', { ...event, status: 'Failure' }],
      ['resources is no list', { ...event, resources: { uid: 'a' } }],
      ['src_endpoint. keeps no at_least_one of ip,', { ...event, src_endpoint: { port: 1 } }],
      ['another class', { ...event, class_uid: 6002 }],
      ['type_uid does not fit activity_id', { ...event, type_uid: 600_301 }],
      ['http_response.message is deprecated', { ...event, http_response: { code: 1, message: 'a' } }],
    ]
    for (const [fault, mutant] of wrong) {
      expect(
        faultsOfApiActivity(mutant).some((found) => found.startsWith(fault)),
        fault,
      ).toBe(true)
    }
  })

  it('AUD-22 contains all that the record contains', async () => {
    const sink = memoryAuditSink()
    for (const event of events) await sink.append(event, {})
    for (const record of sink.records()) {
      const text = JSON.stringify(toOcsf(record, options))
      const { time: _time, ...fields } = record.event
      for (const leaf of leavesOf(JSON.parse(toCanonicalJson(fields as never))))
        expect(text, record.event.kind).toContain(JSON.stringify(leaf))
      expect(text).toContain(record.hash)
    }
  })

  it('AUD-22 names the last delegation of the chain, its parent and its issuer', async () => {
    const sink = memoryAuditSink()
    await sink.append(events[0] as AuditEvent, {})
    const [record] = sink.records()
    expect(record && toOcsf(record, { ...options, activityOf: () => 'create' })).toMatchObject({
      activity_id: 1,
      activity_name: 'Create',
      type_uid: 600_301,
      time: 1_800_000_001_000,
      status_id: 1,
      action_id: 1,
      disposition_id: 1,
      metadata: { version: '1.9.0', uid: id(1), sequence: 1, correlation_uid: id(1) },
      actor: { user: { uid: alice } },
      ai_agent: { uid: agent },
      delegation: { uid: 'bafyleaf', parent_uid: 'bafyroot', issuer_uid: 'did:key:zMiddle' },
      unmapped: {
        root_delegation: 'bafyroot',
        chain: ['bafyroot', 'bafyleaf'],
        args: { amount: 7, bytes: { '/': { bytes: 'AQ' } } },
      },
    })
  })

  it('AUD-24 contains the principals of a refused call as facts only if its invoker signed it, otherwise as claims', async () => {
    const sink = memoryAuditSink()
    const more = { subject: alice, chain: ['bafyroot', 'bafyleaf'], principals: [alice, agent] }
    const { authenticated: _, ...undated } = denied(3, more)
    for (const event of [
      denied(1, { ...more, authenticated: true }),
      denied(2, { ...more, authenticated: false }),
      undated,
    ])
      await sink.append(event, {})
    const [signed, ...claimed] = sink.records().map((record) => toOcsf(record, options))
    expect(signed).toMatchObject({
      actor: { user: { uid: alice } },
      ai_agent: { uid: agent },
      src_endpoint: { uid: agent },
      resources: [{ uid: alice }],
      delegation: { uid: 'bafyleaf' },
      unmapped: { authenticated: true, root_delegation: 'bafyroot' },
    })
    for (const { unmapped, ...event } of claimed) {
      expect(unmapped).toMatchObject({
        claimed_invoker: agent,
        claimed_subject: alice,
        claimed_chain: ['bafyroot', 'bafyleaf'],
        claimed_principals: [alice, agent],
      })
      expect(Object.keys(unmapped)).not.toContain('root_delegation')
      for (const claim of [alice, agent, 'bafyroot', 'bafyleaf']) expect(JSON.stringify(event)).not.toContain(claim)
    }
  })

  it('AUD-22 contains the result of the call', async () => {
    const sink = memoryAuditSink()
    for (const event of events) await sink.append(event, {})
    const mapped = sink.records().map((record) => toOcsf(record, options))
    expect(mapped.slice(2, 7)).toMatchObject([
      {
        status: 'Success',
        status_id: 1,
        severity_id: 1,
        http_response: { code: 200 },
        unmapped: { durationMs: 12.4 },
      },
      { status_id: 2, severity_id: 2, status_code: 'ERR_VAULT_UPSTREAM' },
      { status_id: 0, severity_id: 3 },
      { status_id: 2, action_id: 2, disposition_id: 2, status_code: 'policy_unsatisfied', policy: { uid: 'POL-01' } },
      { status_id: 2, action_id: 3, disposition_id: 17 },
    ])
  })

  it('AUD-22 is refused with an ArgumentError when a field of the record has another type', async () => {
    const sink = memoryAuditSink()
    await sink.append(events[0] as never, {})
    const [record] = sink.records() as [AuditRecord]
    const odd = { toString: 1, valueOf: 1 }
    for (const [field, value] of [
      ['principals', { 0: alice }],
      ['principals', [alice, odd]],
      ['chain', 'bafyroot'],
      ['subject', odd],
      ['command', odd],
      ['code', null],
    ] as const) {
      const event = { ...record.event, [field]: value } as never
      expect.soft(() => toOcsf({ ...record, event }, options), field).toThrow(ArgumentError)
    }
    const counted = { kind: 'denied', id: 'x', time: 1, code: 'suppressed', suppressed: 2, since: odd } as never
    expect(() => toOcsf({ ...record, event: counted }, options)).toThrow(ArgumentError)
  })
})
