import type { AuditEvent } from './event.ts'

/**
 * Whether what an event says of a call is a claim that anybody can have written: it is a refusal, and the invoker is not
 * known to have signed the call. Exports name nobody then. AUD-24
 */
export function isClaimed(event: AuditEvent): boolean {
  // A record of an earlier version does not say.
  return event.kind === 'denied' && event.authenticated !== true
}
