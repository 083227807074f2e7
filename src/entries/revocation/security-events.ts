/**
 * `procura/revocation/security-events`: Security Event Tokens (SSF, CAEP, RISC) as revocations, with the package
 * `jose`.
 *
 * @module
 */

export type { JoseVerifier, VerifiedJwt } from '../../distribution/jose.ts'
export type { SecurityEvent, SubjectIdentifier } from '../../distribution/security-events/event.ts'
export { type SecurityEventTypes, securityEventTypes } from '../../distribution/security-events/event-types.ts'
export {
  type PollSecurityEventsOptions,
  pollSecurityEvents,
  type SecurityEventPolling,
} from '../../distribution/security-events/poll-security-events.ts'
export type { SetErrorCode, SetReception, SetRefusal } from '../../distribution/security-events/refusal.ts'
export {
  type SecurityEventReceiver,
  type SecurityEventReceiverOptions,
  securityEventReceiver,
} from '../../distribution/security-events/security-event-receiver.ts'
export type { ProcessedSets } from '../../revocation/processed-sets.ts'
