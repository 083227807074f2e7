/**
 * Records as log records of OpenTelemetry. The logger is described by its shape, so that no version of it is needed.
 *
 * @module
 */

import { maybe, nonEmptyString, readOptions, withMethod } from '../../support/options.ts'
import { type ChainedSinkOptions, chainedSink } from '../chained-sink.ts'
import { chainChecks } from '../configuration.ts'
import type { AuditEvent } from '../events/event.ts'
import { isClaimed } from '../events/is-claimed.ts'
import type { AuditRecord } from '../events/record.ts'
import type { AuditSink } from '../sink.ts'

/** What is handed to {@link OtelLogger}: a `LogRecord` of `@opentelemetry/api-logs`. */
export interface OtelLogRecord {
  /** When it happened, in milliseconds. */
  readonly timestamp: number
  /** 9 is information, 13 is a warning. */
  readonly severityNumber: number
  readonly severityText: string
  /** The record as its line of text, so that the chain can be checked at the other end. */
  readonly body: string
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

/** The part of a logger that is used. */
export interface OtelLogger {
  /** Takes a log record. Nothing is answered, so that nothing is known but that it was handed over. */
  emit(record: OtelLogRecord): void
}

/** Options of {@link otelAuditSink}. */
export interface OtelAuditSinkOptions extends ChainedSinkOptions {
  /** For example `logs.getLogger('procura')`. */
  readonly logger: OtelLogger
  /** For messages. Default `otel`. */
  readonly name?: string
}

/**
 * Hands each record to a logger. OpenTelemetry batches and may drop, and does not say so: use it beside a sink that
 * confirms, in `allOf([file, otel])`. AUD-08
 */
export function otelAuditSink(options: OtelAuditSinkOptions): AuditSink {
  const given = readOptions('audit sink of OpenTelemetry', options, {
    ...chainChecks,
    logger: withMethod('emit'),
    name: maybe(nonEmptyString),
  })
  const { logger, name = 'otel', ...chain } = given
  return chainedSink(
    { name, durability: 'process', write: (record, line) => logger.emit(logRecord(record, line)) },
    chain,
  )
}

/** Names of attributes for claims, which anybody may have written. */
const claimedAttributes: ReadonlyMap<string, string> = new Map([
  ['subject', 'procura.claimed_subject'],
  ['invoker', 'procura.claimed_invoker'],
])

/** Names of attributes; those of OpenTelemetry where it has one. */
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
  const told: Record<string, string | number | boolean> = {
    'event.name': `procura.audit.${event.kind}`,
    'procura.audit.sequence': sequence,
    'procura.audit.hash': hash,
  }
  const fields = event as unknown as Readonly<Record<string, unknown>>
  const claimed = isClaimed(event)
  for (const [field, usual] of attributes) {
    const value = fields[field]
    const attribute = (claimed ? claimedAttributes.get(field) : undefined) ?? usual
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') told[attribute] = value
  }
  const warn = isWarning(event)
  return {
    timestamp: event.time * 1000,
    severityNumber: warn ? 13 : 9,
    severityText: warn ? 'WARN' : 'INFO',
    body: line,
    attributes: told,
  }
}

function isWarning(event: AuditEvent): boolean {
  return event.kind === 'denied' || event.kind === 'recovered' || (event.kind === 'outcome' && event.status !== 'ok')
}
