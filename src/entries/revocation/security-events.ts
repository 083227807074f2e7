/**
 * `procura/revocation/security-events`: Security Event Tokens (SSF, CAEP, RISC) as revocations, with the package
 * `jose`.
 *
 * @module
 */

export { securityEventTypes } from '../../revocation-sources/security-events/event-types.ts'
export {
  pollSecurityEvents,
  type SecurityEventPolling,
} from '../../revocation-sources/security-events/poll-security-events.ts'
export {
  type SecurityEventReceiver,
  securityEventReceiver,
} from '../../revocation-sources/security-events/security-event-receiver.ts'
export type { ProcessedSets } from '../../core/revocation/processed-sets.ts'
