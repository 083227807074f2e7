/**
 * Records as log records of OpenTelemetry. The logger is described by its shape, so that any version of it fits.
 *
 * @module
 */

import { nonEmptyString, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { chainedSink } from '../chained-sink.ts'
import { type ChainedSinkOptions, chainChecks } from '../configuration.ts'
import { type AuditEvent, isClaimed } from '../events/event.ts'
import type { AuditRecord } from '../events/record.ts'
import type { AuditSink } from '../sink.ts'

/** The argument of {@link OtelLogger}: a `LogRecord` of `@opentelemetry/api-logs`. */
export interface OtelLogRecord {
  /** Time of the event, in milliseconds. */
  readonly timestamp: number
  /** 9 is information, 13 is a warning. */
  readonly severityNumber: number
  readonly severityText: string
  /** The record as its line of text, from which the receiver can verify the chain. */
  readonly body: string
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

/** The part of an OpenTelemetry logger that the sink uses. */
export interface OtelLogger {
  /** Takes a log record. There is no answer, and so no proof of delivery. */
  emit(record: OtelLogRecord): void
}

/** Options of {@link otelAuditSink}. */
export interface OtelAuditSinkOptions extends ChainedSinkOptions {
  /** For example `logs.getLogger('procura')`. */
  readonly logger: OtelLogger
  /** The name in messages. Default `otel`. */
  readonly name?: string
}

/**
 * Passes each record to a logger. OpenTelemetry batches records, and may drop them without an error: use it beside a
 * sink that confirms, as in `allOf([file, otel])`. AUD-08
 *
 * @throws ArgumentError when an option is invalid.
 */
export function otelAuditSink(options: OtelAuditSinkOptions): AuditSink {
  const { logger, name, ...chain } = readOptions('otelAuditSink', options, {
    ...chainChecks,
    logger: withMethod('emit'),
    name: withDefault(nonEmptyString, 'otel'),
  })
  return chainedSink(
    { name, durability: 'process', write: (record, line) => logger.emit(logRecord(record, line)) },
    chain,
  )
}

/** Attributes for claims, which anybody may have written. */
const claimedAttributes: ReadonlyMap<string, string> = new Map([
  ['subject', 'procura.claimed_subject'],
  ['invoker', 'procura.claimed_invoker'],
])

/** Attributes of the fields. `error.type` is an attribute of OpenTelemetry's conventions. */
const attributes: readonly (readonly [field: string, attribute: string])[] = [
  ['id', 'procura.audit.id'],
  ['mode', 'procura.audit.mode'],
  ['intent', 'procura.audit.intent'],
  ['invocation', 'procura.invocation'],
  ['subject', 'procura.subject'],
  ['invoker', 'procura.invoker'],
  ['authenticated', 'procura.authenticated'],
  ['command', 'procura.command'],
  ['code', 'error.type'],
  ['requirement', 'procura.requirement'],
  ['status', 'procura.status'],
  ['vault', 'procura.vault'],
  ['durationMs', 'procura.duration_ms'],
]

function logRecord({ event, sequence, hash }: AuditRecord, line: string): OtelLogRecord {
  const values: Record<string, string | number | boolean> = {
    'event.name': `procura.audit.${event.kind}`,
    'procura.audit.sequence': sequence,
    'procura.audit.hash': hash,
  }
  const fields = event as unknown as Readonly<Record<string, unknown>>
  const claimed = isClaimed(event)
  for (const [field, usual] of attributes) {
    const value = fields[field]
    const attribute = (claimed ? claimedAttributes.get(field) : undefined) ?? usual
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') values[attribute] = value
  }
  const warn = isWarning(event)
  return {
    timestamp: event.time * 1000,
    severityNumber: warn ? 13 : 9,
    severityText: warn ? 'WARN' : 'INFO',
    body: line,
    attributes: values,
  }
}

function isWarning(event: AuditEvent): boolean {
  return event.kind === 'denied' || event.kind === 'recovered' || (event.kind === 'outcome' && event.status !== 'ok')
}
