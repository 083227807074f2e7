/**
 * `procura/audit`: audit sinks, and the events of a log. Sinks that require Node or a database have import paths of
 * their own below it; so have privacy (`procura/audit/privacy`) and verification (`procura/audit/verify`).
 *
 * @module
 */

export { chainedSink } from '../audit/chained-sink.ts'
export { allOf } from '../audit/combine/all-of.ts'
export { anyOf } from '../audit/combine/any-of.ts'
export { bestEffort } from '../audit/combine/best-effort.ts'
export { withCheckpoints } from '../audit/combine/with-checkpoints.ts'
export { withDeadline } from '../audit/combine/with-deadline.ts'
export { type ObservedSink, withHealth } from '../audit/combine/with-health.ts'
export { deniedEvent, intentEvent } from '../audit/events/describe-call.ts'
export { type AuditEvent, type DeniedEvent, type IntentEvent, newEventId } from '../audit/events/event.ts'
export { type OcsfApiActivity, toOcsf } from '../audit/events/ocsf.ts'
export type { AuditRecord } from '../audit/events/record.ts'
export { suppressedEvent } from '../audit/events/suppressed-event.ts'
export { type AuditHistory, auditHistory } from '../audit/history.ts'
export type { RecoveryRun } from '../audit/recovery/intent-recovery.ts'
export { recoverIntents } from '../audit/recovery/recover-intents.ts'
export { type DenialSampler, sampleDenials } from '../audit/sample-denials.ts'
export type { AuditSink, Confirmation } from '../audit/sink.ts'
export { callbackAuditSink } from '../audit/sinks/callback-audit-sink.ts'
export { type MemoryAuditSink, memoryAuditSink } from '../audit/sinks/memory-audit-sink.ts'
export { otelAuditSink } from '../audit/sinks/otel-audit-sink.ts'
