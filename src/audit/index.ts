/**
 * What an audit log holds, how it is checked, and where it goes: `procura/audit`. Sinks that need Node or a database are
 * entry points of their own below it.
 *
 * @module
 */

export { allOf } from './all-of.ts'
export { type AnyOfOptions, anyOf, type SinkFailureListener } from './any-of.ts'
export type { AuditLogFault, AuditLogFaultKind, AuditLogReport } from './audit-log-fault.ts'
export { type BestEffortOptions, bestEffort } from './best-effort.ts'
export { type CallbackAuditSinkOptions, callbackAuditSink } from './callback.ts'
export { type ChainedSinkOptions, chainedSink, type RecordWriter } from './chained-sink.ts'
export {
  type Checkpoint,
  type CheckpointSigner,
  type SignCheckpointOptions,
  signCheckpoint,
  type VerifyCheckpointOptions,
  verifyCheckpoint,
} from './checkpoint.ts'
export {
  type AuditPrivacy,
  type DeniedEventOptions,
  deniedEvent,
  type IntentEventOptions,
  intentEvent,
} from './describe-call.ts'
export { discloseArguments } from './disclose-arguments.ts'
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
} from './event.ts'
export { type OcsfActivity, type OcsfApiActivity, type OcsfOptions, ocsfVersion, toOcsf } from './export/ocsf.ts'
export { findOpenIntents, type OpenIntent } from './find-open-intents.ts'
export { argumentSalt, type HashArgumentsOptions, hashArguments } from './hash-arguments.ts'
export { type AuditHistory, auditHistory, type LoggedEvent } from './history.ts'
export { importSecretKey, type SecretKey } from './hmac.ts'
export type { RecoveryRun } from './intent-recovery.ts'
export { type MemoryAuditSink, type MemoryAuditSinkOptions, memoryAuditSink } from './memory.ts'
export { memoryPersonalKeyStore } from './memory-personal-key-store.ts'
export { type OtelAuditSinkOptions, type OtelLogger, type OtelLogRecord, otelAuditSink } from './otel.ts'
export { openPersonal, type SealedFields, type SealPersonalOptions, sealPersonal } from './personal.ts'
export { generatePersonalKey, type MemoryPersonalKeyStore, type PersonalKeyStore } from './personal-key-store.ts'
export { createPseudonymizer, type Pseudonymizer, type PseudonymizerOptions, pseudonymizeEvent } from './pseudonym.ts'
export {
  type AuditRecord,
  beginning,
  formatRecord,
  type LogPosition,
  parseRecord,
  type Sha256,
} from './record.ts'
export { type RecoverIntentsOptions, recoverIntents } from './recover-intents.ts'
export {
  type DenialSampler,
  type SampleDenialsOptions,
  type SuppressedDenials,
  sampleDenials,
} from './sample-denials.ts'
export type { AuditSink, Confirmation, Durability } from './sink.ts'
export { type SuppressedEventOptions, suppressedEvent } from './suppressed-event.ts'
export { type VerifyAuditLogOptions, verifyAuditLog } from './verify-audit-log.ts'
export { type CheckpointOptions, withCheckpoints } from './with-checkpoints.ts'
export { type DeadlineOptions, withDeadline } from './with-deadline.ts'
export { type AuditHealth, type ObservedSink, withHealth } from './with-health.ts'
export type { WebCryptoKey } from '../support/web-crypto-key.ts'
