/**
 * What an audit log holds, how it is checked, and where it goes: `procura/audit`. Sinks that need Node or a database are
 * entry points of their own below it.
 *
 * @module
 */

export { type ChainedSinkOptions, chainedSink, type RecordWriter } from '../audit/chained-sink.ts'
export { allOf } from '../audit/combine/all-of.ts'
export { type AnyOfOptions, anyOf, type SinkFailureListener } from '../audit/combine/any-of.ts'
export { type BestEffortOptions, bestEffort } from '../audit/combine/best-effort.ts'
export { type CheckpointOptions, withCheckpoints } from '../audit/combine/with-checkpoints.ts'
export { type DeadlineOptions, withDeadline } from '../audit/combine/with-deadline.ts'
export { type AuditHealth, type ObservedSink, withHealth } from '../audit/combine/with-health.ts'
export {
  type AuditPrivacy,
  type DeniedEventOptions,
  deniedEvent,
  type IntentEventOptions,
  intentEvent,
} from '../audit/events/describe-call.ts'
export {
  type AuditEvent,
  type AuditEventKind,
  type AuditMode,
  type CallFacts,
  type CheckpointEvent,
  type DeniedEvent,
  type IntentEvent,
  type IssuedEvent,
  newEventId,
  type OutcomeEvent,
  type PolicyClause,
  type RecoveredEvent,
  type ReleasedEvent,
  type RevokedEvent,
  type SettledEvent,
} from '../audit/events/event.ts'
export { type OcsfActivity, type OcsfApiActivity, type OcsfOptions, ocsfVersion, toOcsf } from '../audit/events/ocsf.ts'
export {
  type AuditRecord,
  beginning,
  formatRecord,
  type LogPosition,
  parseRecord,
  type Sha256,
} from '../audit/events/record.ts'
export { type SuppressedEventOptions, suppressedEvent } from '../audit/events/suppressed-event.ts'
export { type AuditHistory, auditHistory, type LoggedEvent } from '../audit/history.ts'
export { discloseArguments } from '../audit/privacy/disclose-arguments.ts'
export { argumentSalt, type HashArgumentsOptions, hashArguments } from '../audit/privacy/hash-arguments.ts'
export { importSecretKey, type SecretKey } from '../audit/privacy/hmac.ts'
export { memoryPersonalKeyStore } from '../audit/privacy/memory-personal-key-store.ts'
export { openPersonal, type SealedFields, type SealPersonalOptions, sealPersonal } from '../audit/privacy/personal.ts'
export {
  generatePersonalKey,
  type MemoryPersonalKeyStore,
  type PersonalKeyStore,
} from '../audit/privacy/personal-key-store.ts'
export {
  createPseudonymizer,
  type Pseudonymizer,
  type PseudonymizerOptions,
  pseudonymizeEvent,
} from '../audit/privacy/pseudonym.ts'
export { findOpenIntents, type OpenIntent } from '../audit/recovery/find-open-intents.ts'
export type { RecoveryRun } from '../audit/recovery/intent-recovery.ts'
export { type RecoverIntentsOptions, recoverIntents } from '../audit/recovery/recover-intents.ts'
export {
  type DenialSampler,
  type SampleDenialsOptions,
  type SuppressedDenials,
  sampleDenials,
} from '../audit/sample-denials.ts'
export type { AuditSink, Confirmation, Durability } from '../audit/sink.ts'
export { type CallbackAuditSinkOptions, callbackAuditSink } from '../audit/sinks/callback-audit-sink.ts'
export { type MemoryAuditSink, type MemoryAuditSinkOptions, memoryAuditSink } from '../audit/sinks/memory-audit-sink.ts'
export {
  type OtelAuditSinkOptions,
  type OtelLogger,
  type OtelLogRecord,
  otelAuditSink,
} from '../audit/sinks/otel-audit-sink.ts'
export type { AuditLogFault, AuditLogFaultKind, AuditLogReport } from '../audit/verify/audit-log-fault.ts'
export {
  type Checkpoint,
  type CheckpointSigner,
  type SignCheckpointOptions,
  signCheckpoint,
  type VerifyCheckpointOptions,
  verifyCheckpoint,
} from '../audit/verify/checkpoint.ts'
export { type VerifyAuditLogOptions, verifyAuditLog } from '../audit/verify/verify-audit-log.ts'
export type { WebCryptoKey } from '../support/web-crypto-key.ts'
