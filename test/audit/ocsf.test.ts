import { describe, expect, it } from 'vitest'
import type { AuditEvent } from '../../src/audit/event.ts'
import { type OcsfOptions, toOcsf } from '../../src/audit/export/ocsf.ts'
import { memoryAuditSink } from '../../src/audit/memory.ts'
import { toCanonicalJson } from '../../src/audit/record-json.ts'
import { agent, alice, denied, id, intent, outcome, service } from './events.ts'

const options: OcsfOptions = { product: { name: 'mail', vendorName: 'Example', version: '1.2.3' }, log: 'mail' }

/**
 * What the schema 1.9.0 has at these places: `t` text, `n` whole number, `a` any object, a list of permitted numbers, or
 * the fields of an object. A `!` marks what is required. Written by hand from the sources of the schema.
 */
interface Shape {
  readonly [field: string]: 't' | 'n' | 'a' | 'tt' | readonly number[] | Shape | readonly [Shape]
}
const entity = { name: 't', uid: 't' } as const
const shape: Shape = {
  'activity_id!': [0, 1, 2, 3, 4, 99],
  activity_name: 't',
  'category_uid!': [6],
  'class_uid!': [6003],
  'type_uid!': [600300, 600301, 600302, 600303, 600304, 600399],
  'time!': 'n',
  'severity_id!': [0, 1, 2, 3, 4, 5, 6, 99],
  status_id: [0, 1, 2, 99],
  status_code: 't',
  duration: 'n',
  message: 't',
  'metadata!': {
    'version!': 't',
    'product!': { ...entity, vendor_name: 't', version: 't' },
    profiles: 'tt',
    uid: 't',
    sequence: 'n',
    event_code: 't',
    correlation_uid: 't',
    log_name: 't',
  },
  'actor!': { 'user!': { ...entity, type_id: [0, 1, 2, 3, 4, 99] } },
  'api!': { 'operation!': 't', service: { ...entity }, request: { 'uid!': 't' } },
  'src_endpoint!': { ...entity },
  resources: [{ ...entity, type: 't' }],
  ai_agent: { ...entity },
  delegation: { 'uid!': 't', parent_uid: 't', issuer_uid: 't', audience: 't', scopes: 'tt' },
  action_id: [0, 1, 2, 3, 4, 99],
  disposition_id: [0, 1, 2, 17, 25, 26, 27, 99],
  policy: { ...entity },
  http_response: { 'code!': 'n', length: 'n' },
  unmapped: 'a',
}

function faultsOf(value: unknown, form: Shape, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path} is no object`]
  const fields = value as Record<string, unknown>
  const faults = Object.keys(form)
    .filter((field) => field.endsWith('!') && !Object.hasOwn(fields, field.slice(0, -1)))
    .map((field) => `${path}${field} is missing`)
  if (Object.keys(fields).length === 0) faults.push(`${path} is empty`)
  for (const [field, found] of Object.entries(fields)) {
    const kind = form[field] ?? form[`${field}!`]
    const at = `${path}${field}`
    if (kind === undefined) faults.push(`${at} is unknown`)
    else if (kind === 't' && typeof found !== 'string') faults.push(`${at} is no text`)
    else if (kind === 'n' && !Number.isSafeInteger(found)) faults.push(`${at} is no whole number`)
    else if (kind === 'tt' && !(Array.isArray(found) && found.every((item) => typeof item === 'string'))) {
      faults.push(`${at} is no list of texts`)
    } else if (Array.isArray(kind) && typeof kind[0] === 'number') {
      if (!kind.includes(found as never)) faults.push(`${at} has ${String(found)}`)
    } else if (Array.isArray(kind)) {
      for (const item of found as unknown[]) faults.push(...faultsOf(item, kind[0] as Shape, `${at}.`))
    } else if (typeof kind === 'object') faults.push(...faultsOf(found, kind as Shape, `${at}.`))
  }
  return faults
}

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
  outcome(3, 1, { durationMs: 12.4, upstreamStatus: 200, responseBytes: 17 }),
  outcome(4, 2, { status: 'error', code: 'ERR_VAULT_UPSTREAM' }),
  outcome(5, 2, { status: 'unknown' }),
  denied(6, { policy: { statement: 1, path: [0], operator: 'like', selector: '.to' }, suppressed: 4 }),
  denied(7, { mode: 'shadow' }),
  { kind: 'denied', id: id(8), time: 1, code: 'malformed' },
  {
    kind: 'issued',
    id: id(9),
    time: 1,
    delegation: 'bafy',
    issuer: alice,
    audience: agent,
    command: '/mail',
    expiration: 9,
  },
  { kind: 'released', id: id(10), time: 1, intent: id(1), vault: 'smtp', downscoped: false },
  { kind: 'revoked', id: id(11), time: 1, revoked: 'bafyleaf', issuer: alice },
  { kind: 'revoked', id: id(12), time: 1, revoked: 'bafyleaf' },
  { kind: 'recovered', id: id(13), time: 1, reason: 'torn_tail', segment: 'audit', droppedBytes: 1, droppedHash: 'ab' },
  { kind: 'checkpoint', id: id(14), time: 1, log: 'mail', sequence: 9, hash: 'ab', signer: service, signature: 'ab' },
]

describe('a record as OCSF', () => {
  it('AUD-22 has only fields of the schema, each of its kind, and all that are required', async () => {
    const sink = memoryAuditSink()
    for (const event of events) await sink.append(event, {})
    for (const record of sink.records()) expect(faultsOf(toOcsf(record, options), shape), record.event.kind).toEqual([])
  })

  it('AUD-22 tells everything that the record tells', async () => {
    const sink = memoryAuditSink()
    for (const event of events) await sink.append(event, {})
    for (const record of sink.records()) {
      const text = JSON.stringify(toOcsf(record, options))
      const { time: _time, durationMs: _duration, ...fields } = record.event as AuditEvent & { durationMs?: number }
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
      activity_name: 'create',
      type_uid: 600_301,
      time: 1_800_000_001_000,
      status_id: 1,
      action_id: 1,
      disposition_id: 1,
      metadata: { version: '1.9.0', uid: id(1), sequence: 1, correlation_uid: id(1) },
      actor: { user: { uid: alice } },
      ai_agent: { uid: agent },
      delegation: { uid: 'bafyleaf', parent_uid: 'bafyroot', issuer_uid: 'did:key:zMiddle', scopes: ['/mail/send'] },
      unmapped: {
        root_delegation: 'bafyroot',
        chain: ['bafyroot', 'bafyleaf'],
        args: { amount: 7, bytes: { '/': { bytes: 'AQ' } } },
      },
    })
  })

  it('AUD-22 says what came of the call', async () => {
    const sink = memoryAuditSink()
    for (const event of events) await sink.append(event, {})
    const mapped = sink.records().map((record) => toOcsf(record, options))
    expect(mapped.slice(2, 7)).toMatchObject([
      { status_id: 1, severity_id: 1, duration: 12, http_response: { code: 200, length: 17 } },
      { status_id: 2, severity_id: 2, status_code: 'ERR_VAULT_UPSTREAM' },
      { status_id: 0, severity_id: 3 },
      { status_id: 2, action_id: 2, disposition_id: 2, status_code: 'policy_unsatisfied', policy: { uid: 'POL-01' } },
      { status_id: 2, action_id: 1, disposition_id: 17 },
    ])
  })
})
