/**
 * `procura/audit/verify`: reading and verifying an audit log.
 *
 * @module
 */

export { beginning, formatRecord, type LogPosition, parseRecord } from '../../audit/events/record.ts'
export { findOpenIntents, type OpenIntent } from '../../audit/recovery/find-open-intents.ts'
export type { AuditLogReport } from '../../audit/verify/audit-log-fault.ts'
export { type Checkpoint, signCheckpoint, verifyCheckpoint } from '../../audit/verify/checkpoint.ts'
export { verifyAuditLog } from '../../audit/verify/verify-audit-log.ts'
