/**
 * Records in the form of the Open Cybersecurity Schema Framework, for security information systems.
 *
 * @module
 */

import type { IpldMap } from '../../ipld/value.ts'
import {
  callback,
  integerFrom,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readFields,
  readOptions,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { AuditEvent, CallFacts } from './event.ts'
import { isClaimed } from './is-claimed.ts'
import type { AuditRecord } from './record.ts'
import { toCanonicalJson } from './record-json.ts'

/** Version of the schema that events are written for. */
export const ocsfVersion = '1.9.0'

/** What an API Activity does, as OCSF numbers it. */
export type OcsfActivity = 'create' | 'read' | 'update' | 'delete' | 'other'

/** Options of {@link toOcsf}. */
export interface OcsfOptions {
  /** Who writes the log. */
  readonly product: { readonly name: string; readonly vendorName: string; readonly version?: string }
  /** Name of the log. */
  readonly log?: string
  /** What a command does. Default: `other` for all. */
  readonly activityOf?: (command: string) => OcsfActivity
}

/** An event of class API Activity (6003), with the profiles `ai_operation` and `security_control`. */
export interface OcsfApiActivity {
  readonly activity_id: number
  readonly activity_name: string
  readonly category_uid: 6
  readonly class_uid: 6003
  readonly type_uid: number
  /** In milliseconds. */
  readonly time: number
  /** Of an event about several calls: how many, and between when. */
  readonly count?: number
  readonly start_time?: number
  readonly end_time?: number
  readonly severity_id: number
  readonly status: string
  readonly status_id: number
  readonly status_code?: string
  readonly message: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly actor: Readonly<Record<string, unknown>>
  readonly api: Readonly<Record<string, unknown>>
  readonly src_endpoint: Readonly<Record<string, unknown>>
  readonly resources?: readonly Readonly<Record<string, unknown>>[]
  readonly ai_agent?: Readonly<Record<string, unknown>>
  readonly delegation?: Readonly<Record<string, unknown>>
  readonly action_id?: number
  readonly disposition_id?: number
  readonly policy?: Readonly<Record<string, unknown>>
  readonly http_response?: Readonly<Record<string, unknown>>
  /** Everything that OCSF has no place for, under our own names. */
  readonly unmapped: Readonly<Record<string, unknown>>
}

/** Numbers and captions; of `other`, the kind of the event is the caption. */
const activities: ReadonlyMap<OcsfActivity, readonly [id: number, caption: string]> = new Map([
  ['create', [1, 'Create']],
  ['read', [2, 'Read']],
  ['update', [3, 'Update']],
  ['delete', [4, 'Delete']],
])

const statuses = ['Unknown', 'Success', 'Failure'] as const

/** Fields that stand somewhere else in the event; all others go to `unmapped`. */
const mapped: ReadonlySet<string> = new Set(['kind', 'id', 'time', 'subject', 'invoker', 'command'])

/** Fields that name somebody; those of a call that nobody is known to have signed go to `unmapped`, with `claimed_` before. */
const claims: ReadonlySet<string> = new Set(['subject', 'invoker', 'principals', 'chain'])

/**
 * Maps a record to OCSF 1.9. Every field of the record is in the result. AUD-22
 *
 * OCSF holds one delegation: it is the last of the chain, its parent beside it; the whole chain and the root are in
 * `unmapped`. Our hashes are there too, and not in an `attestation`, which OCSF defines over its own form of an event; so
 * is how long a call took, since `duration` is for events that sum up others. Of a refused call that nobody is known to
 * have signed, neither user, agent, source, resource nor delegation is named: they are in `unmapped`, as claims.
 *
 * @throws ArgumentError when the record is none, or an option is missing or not of its type.
 */
export function toOcsf(record: AuditRecord, options: OcsfOptions): OcsfApiActivity {
  readFields('toOcsf: the record', record, recordChecks)
  readOptions('toOcsf', options, optionChecks)
  readOptions('toOcsf: product', options.product, productChecks)
  const { sequence, previous, hash, event } = record
  const { product, log, activityOf = () => 'other' } = options
  const call: CallFacts = event.kind === 'intent' || event.kind === 'denied' ? event : {}
  const named = namedIn(event)
  const left = leftOutIn(event)
  const command = 'command' in event && event.command !== undefined ? event.command : `audit/${event.kind}`
  const subject = 'subject' in event && !isClaimed(event) ? event.subject : undefined
  const [activityId, activity] = activities.get(activityOf(command)) ?? [99, event.kind]
  const status = statusOf(event)
  const correlation = event.kind === 'intent' ? event.id : 'intent' in event ? event.intent : undefined
  const code = 'code' in event ? event.code : undefined
  const requirement = 'requirement' in event ? event.requirement : undefined
  return {
    activity_id: activityId,
    activity_name: activity,
    category_uid: 6,
    class_uid: 6003,
    type_uid: 600_300 + activityId,
    time: event.time * 1000,
    severity_id: severityOf(event),
    status: statuses[status],
    status_id: status,
    ...(code !== undefined && { status_code: code }),
    message: left === undefined ? `${event.kind} ${command}` : `${left.count} denied calls are not recorded`,
    ...left,
    metadata: {
      version: ocsfVersion,
      product: {
        name: product.name,
        vendor_name: product.vendorName,
        ...(product.version !== undefined && { version: product.version }),
      },
      profiles: ['ai_operation', 'security_control'],
      uid: event.id,
      sequence,
      event_code: event.kind,
      ...(correlation !== undefined && { correlation_uid: correlation }),
      ...(log !== undefined && { log_name: log }),
    },
    actor: actorOf(event, product.name),
    api: {
      operation: command,
      ...(call.audience !== undefined && { service: { uid: call.audience } }),
      ...(call.invocation !== undefined && { request: { uid: call.invocation } }),
    },
    src_endpoint: named.invoker === undefined ? { name: product.name } : { uid: named.invoker },
    ...(subject !== undefined && { resources: [{ uid: subject, type: 'subject' }] }),
    ...(named.invoker !== undefined && { ai_agent: { uid: named.invoker } }),
    ...delegationOf(named),
    ...controlOf(event),
    ...(requirement !== undefined && { policy: { uid: requirement } }),
    ...(event.kind === 'outcome' &&
      event.upstreamStatus !== undefined && {
        http_response: {
          code: event.upstreamStatus,
          ...(event.responseBytes !== undefined && { length: event.responseBytes }),
        },
      }),
    unmapped: { ...restOf(event), ...rootOf(named), previous_hash: previous, record_hash: hash },
  }
}

/** An event that says how many denials were left out of the log stands for as many events. */
function leftOutIn(event: AuditEvent): { count: number; start_time: number; end_time: number } | undefined {
  if (event.kind !== 'denied' || event.code !== 'suppressed' || event.suppressed === undefined) return undefined
  return { count: event.suppressed, start_time: (event.since ?? event.time) * 1000, end_time: event.time * 1000 }
}

/** What is known of a call, and not only claimed: those who are named here are taken for who did it. */
function namedIn(event: AuditEvent): CallFacts {
  return event.kind === 'intent' || (event.kind === 'denied' && !isClaimed(event)) ? event : {}
}

/** For whom it was done in the end: the issuer of the root delegation. */
function actorOf(event: AuditEvent, product: string): Readonly<Record<string, unknown>> {
  if (event.kind === 'issued' || event.kind === 'revoked') {
    return event.issuer === undefined ? ourselves(product) : { user: { uid: event.issuer } }
  }
  const { principals, invoker } = namedIn(event)
  const root = principals?.[0] ?? invoker
  return root === undefined ? ourselves(product) : { user: { uid: root } }
}

/** A user of type 3, system: `actor.app_name` is on its way out of the schema. */
function ourselves(product: string): Readonly<Record<string, unknown>> {
  return { user: { name: product, type_id: 3 } }
}

function delegationOf({ chain = [], principals = [] }: CallFacts): object {
  const leaf = chain.at(-1)
  if (leaf === undefined) return {}
  const [parent, issuer] = [chain.at(-2), principals.at(-2)]
  return {
    delegation: {
      uid: leaf,
      ...(parent !== undefined && { parent_uid: parent }),
      ...(issuer !== undefined && { issuer_uid: issuer }),
    },
  }
}

function rootOf({ chain = [] }: CallFacts): object {
  return chain[0] === undefined ? {} : { root_delegation: chain[0] }
}

/** Action 1 allowed, 2 denied, 3 observed; disposition 1 allowed, 2 blocked, 17 logged: in shadow mode nothing was done. */
function controlOf(event: AuditEvent): object {
  if (event.kind !== 'intent' && event.kind !== 'denied') return {}
  if (event.mode === 'shadow') return { action_id: 3, disposition_id: 17 }
  return event.kind === 'intent' ? { action_id: 1, disposition_id: 1 } : { action_id: 2, disposition_id: 2 }
}

/** 0 unknown, 1 success, 2 failure. */
function statusOf(event: AuditEvent): 0 | 1 | 2 {
  if (event.kind === 'denied') return 2
  if (event.kind !== 'outcome') return 1
  return event.status === 'ok' ? 1 : event.status === 'error' ? 2 : 0
}

/** 1 informational, 2 low, 3 medium. */
function severityOf(event: AuditEvent): number {
  if (event.kind === 'recovered' || (event.kind === 'outcome' && event.status === 'unknown')) return 3
  return event.kind === 'denied' || (event.kind === 'outcome' && event.status === 'error') ? 2 : 1
}

function restOf(event: AuditEvent): Readonly<Record<string, unknown>> {
  const claimed = isClaimed(event)
  const rest = Object.fromEntries(
    Object.entries(event)
      .map(([field, value]) => [claimed && claims.has(field) ? `claimed_${field}` : field, value] as const)
      .filter(([field]) => !mapped.has(field)),
  )
  // Arguments can hold bytes and links, which only our own text of a value has a form for.
  return JSON.parse(toCanonicalJson(rest as IpldMap)) as Readonly<Record<string, unknown>>
}

const eventForm: OptionCheck = (value) => {
  const { kind, id, time } = Object(value) as Partial<AuditEvent>
  if ((nonEmptyString(kind) ?? nonEmptyString(id) ?? integerFrom(Number.MIN_SAFE_INTEGER)(time)) !== undefined) {
    return 'must be an event: its `kind`, `id` and `time`'
  }
  // A record that was read can have anything in its fields.
  const fields = value as Readonly<Record<string, unknown>>
  const wrong = Object.keys(fields).find((name) => (fieldTypes.get(name) ?? isAnything)(fields[name]) === false)
  return wrong === undefined ? undefined : `must be an event; its field ${quote(wrong)} is of another type`
}

const isAnything = (): boolean => true
const isText = (value: unknown): boolean => value === undefined || typeof value === 'string'
const isNumber = (value: unknown): boolean => value === undefined || typeof value === 'number'
const isListOfTexts = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.every(isText))

/** The types of the fields that are mapped. */
const fieldTypes: ReadonlyMap<string, (value: unknown) => boolean> = new Map([
  ...[
    'subject',
    'invoker',
    'audience',
    'invocation',
    'command',
    'issuer',
    'intent',
    'code',
    'requirement',
    'status',
  ].map((name) => [name, isText] as const),
  ...['suppressed', 'since', 'upstreamStatus', 'responseBytes'].map((name) => [name, isNumber] as const),
  ...['chain', 'principals'].map((name) => [name, isListOfTexts] as const),
])

const recordChecks: Readonly<Record<string, OptionCheck>> = Object.freeze({
  sequence: integerFrom(1),
  previous: nonEmptyString,
  hash: nonEmptyString,
  event: eventForm,
})

const optionChecks: OptionChecks<OcsfOptions> = Object.freeze({
  product: objectValue,
  log: maybe(nonEmptyString),
  activityOf: maybe(callback),
})

const productChecks: OptionChecks<OcsfOptions['product']> = Object.freeze({
  name: nonEmptyString,
  vendorName: nonEmptyString,
  version: maybe(nonEmptyString),
})
