/**
 * `procura/revocation/security-events`: Security Event Tokens (SSF, CAEP, RISC) as revocations, with the package
 * `jose`.
 *
 * @module
 */

export type { JoseVerifier, VerifiedJwt } from '../../revocation-sources/jose.ts'
export type { SecurityEvent, SubjectIdentifier } from '../../revocation-sources/security-events/event.ts'
export { type SecurityEventTypes, securityEventTypes } from '../../revocation-sources/security-events/event-types.ts'
export {
  type PollSecurityEventsOptions,
  pollSecurityEvents,
  type SecurityEventPolling,
} from '../../revocation-sources/security-events/poll-security-events.ts'
export type { SetErrorCode, SetReception, SetRefusal } from '../../revocation-sources/security-events/refusal.ts'
export {
  type SecurityEventReceiver,
  type SecurityEventReceiverOptions,
  securityEventReceiver,
} from '../../revocation-sources/security-events/security-event-receiver.ts'
export type { ProcessedSets } from '../../core/revocation/processed-sets.ts'
