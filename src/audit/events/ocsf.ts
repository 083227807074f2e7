/**
 * Records in the form of the Open Cybersecurity Schema Framework, for security information systems.
 *
 * @module
 */

import type { IpldMap } from '../../core/ipld/value.ts'
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
  withDefault,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type AuditEvent, type CallFacts, type IntentEvent, isClaimed } from './event.ts'
import type { AuditRecord } from './record.ts'
import { toCanonicalJson } from './record-json.ts'

/** Version of the schema that events are written for. */
const ocsfVersion = '1.9.0'

/** The activity of a call, as OCSF classifies it. */
export type OcsfActivity = 'create' | 'read' | 'update' | 'delete' | 'other'

/** Options of {@link toOcsf}. */
export interface OcsfOptions {
  /** The product that writes the log. */
  readonly product: { readonly name: string; readonly vendorName: string; readonly version?: string }
  /** Name of the log. */
  readonly log?: string
  /** Returns the activity of a command. Default: `other` for all. */
  readonly activityOf?: (command: string) => OcsfActivity
  /**
   * Returns the intent with this id, so that an `outcome` or a `released` event names the principals of its call.
   * Default: such events name the product alone.
   */
  readonly intentOf?: (id: string) => IntentEvent | undefined
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
  /** For an event about several calls: their number, and the time of the first and last. */
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
  /** The fields without a place in OCSF, under their names in this library. */
  readonly unmapped: Readonly<Record<string, unknown>>
}

/** Numbers and captions. The caption of `other` is the kind of the event. */
const activities: ReadonlyMap<OcsfActivity, readonly [id: number, caption: string]> = new Map([
  ['create', [1, 'Create']],
  ['read', [2, 'Read']],
  ['update', [3, 'Update']],
  ['delete', [4, 'Delete']],
])

const statuses = ['Unknown', 'Success', 'Failure'] as const

/** Fields with a place in OCSF; all others go to `unmapped`. */
const mapped: ReadonlySet<string> = new Set(['kind', 'id', 'time', 'subject', 'invoker', 'command'])

/** Fields that name principals. Those of an unauthenticated call go to `unmapped`, with the prefix `claimed_`. */
const claims: ReadonlySet<string> = new Set(['subject', 'invoker', 'principals', 'chain'])

/**
 * Maps a record to OCSF 1.9. Every field of the record is in the result. AUD-22
 *
 * OCSF has one delegation: the last of the chain, with its parent. The whole chain and the root are in `unmapped`. So
 * are the hashes of the log, because the `attestation` of OCSF covers its own form of an event, and the duration of a
 * call, because the `duration` of OCSF is for aggregates. The principals of an unauthenticated call are in `unmapped`
 * too, as claims, and not in user, agent, source, resource or delegation.
 *
 * @throws ArgumentError when the record is invalid, or an option is missing or invalid.
 */
export function toOcsf(record: AuditRecord, options: OcsfOptions): OcsfApiActivity {
  const { sequence, previous, hash, event } = readFields('toOcsf: the record', record, recordChecks) as AuditRecord
  const { product: given, log, activityOf, intentOf } = readOptions('toOcsf', options, optionChecks)
  const product = readOptions('toOcsf: product', given, productChecks)
  const intended = intentOf === undefined ? undefined : intentIn(event, intentOf)
  const call: CallFacts = event.kind === 'intent' || event.kind === 'denied' ? event : (intended ?? {})
  const named = intended ?? namedIn(event)
  const left = leftOutIn(event)
  const command =
    'command' in event && event.command !== undefined ? event.command : (intended?.command ?? `audit/${event.kind}`)
  const subject = 'subject' in event && !isClaimed(event) ? event.subject : intended?.subject
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
    actor: actorOf(event, named, product.name),
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
      event.upstreamStatus !== undefined && { http_response: { code: event.upstreamStatus } }),
    unmapped: { ...restOf(event), ...claimsOf(intended), ...rootOf(named), previous_hash: previous, record_hash: hash },
  }
}

/** The count of an event that reports denials which were not recorded. */
function leftOutIn(event: AuditEvent): { count: number; start_time: number; end_time: number } | undefined {
  if (event.kind !== 'denied' || event.code !== 'suppressed' || event.suppressed === undefined) return undefined
  return { count: event.suppressed, start_time: (event.since ?? event.time) * 1000, end_time: event.time * 1000 }
}

/** The intent to which an outcome or a release belongs. */
function intentIn(event: AuditEvent, intentOf: (id: string) => IntentEvent | undefined): IntentEvent | undefined {
  return event.kind === 'outcome' || event.kind === 'released' ? intentOf(event.intent) : undefined
}

/** The authenticated facts of a call. Readers of OCSF attribute the call to the principals named here. */
function namedIn(event: AuditEvent): CallFacts {
  return event.kind === 'intent' || (event.kind === 'denied' && !isClaimed(event)) ? event : {}
}

/** The principal for whom the call was made: the issuer of the root delegation. */
function actorOf(event: AuditEvent, named: CallFacts, product: string): Readonly<Record<string, unknown>> {
  if (event.kind === 'issued' || event.kind === 'seen' || event.kind === 'revoked') {
    return event.issuer === undefined ? ourselves(product) : { user: { uid: event.issuer } }
  }
  const { principals, invoker } = named
  const root = principals?.[0] ?? invoker
  return root === undefined ? ourselves(product) : { user: { uid: root } }
}

/** A user of type 3, system: `actor.app_name` is deprecated in the schema. */
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

/** The facts that the caller of an outcome or a release stated; other events have their own. */
function claimsOf(intended: IntentEvent | undefined): object {
  return intended?.claimed === undefined ? {} : { claimed: intended.claimed }
}

/** Action 1 allowed, 2 denied, 3 observed; disposition 1 allowed, 2 blocked, 17 logged (in shadow mode). */
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
  // Arguments can contain bytes and links, which plain JSON cannot represent.
  return JSON.parse(toCanonicalJson(rest as IpldMap)) as Readonly<Record<string, unknown>>
}

const eventCheck: OptionCheck = (value) => {
  const { kind, id, time } = Object(value) as Partial<AuditEvent>
  if ((nonEmptyString(kind) ?? nonEmptyString(id) ?? integerFrom(Number.MIN_SAFE_INTEGER)(time)) !== undefined) {
    return 'must be an event with `kind`, `id` and `time`'
  }
  // A record from a file can have any value in its fields.
  const fields = value as Readonly<Record<string, unknown>>
  const wrong = Object.keys(fields).find((name) => (fieldTypes.get(name) ?? isAnything)(fields[name]) === false)
  return wrong === undefined ? undefined : `must be an event; its field ${quote(wrong)} has the wrong type`
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
  ...['suppressed', 'since', 'upstreamStatus'].map((name) => [name, isNumber] as const),
  ...['chain', 'principals', 'approvers'].map((name) => [name, isListOfTexts] as const),
])

const recordChecks: Readonly<Record<string, OptionCheck>> = Object.freeze({
  sequence: integerFrom(1),
  previous: nonEmptyString,
  hash: nonEmptyString,
  event: eventCheck,
})

const optionChecks = Object.freeze({
  product: objectValue,
  log: maybe(nonEmptyString),
  activityOf: withDefault(callback, () => 'other'),
  intentOf: maybe(callback),
}) satisfies OptionChecks<OcsfOptions>

const productChecks: OptionChecks<OcsfOptions['product']> = Object.freeze({
  name: nonEmptyString,
  vendorName: nonEmptyString,
  version: maybe(nonEmptyString),
})
