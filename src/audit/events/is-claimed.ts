import type { AuditEvent } from './event.ts'

/**
 * Whether an event is a refusal of a call that is not known to come from its invoker. The names in it are claims then,
 * which anybody may have written, and exports name nobody. AUD-24
 */
export function isClaimed(event: AuditEvent): boolean {
  // Records of earlier versions do not have the field.
  return event.kind === 'denied' && event.authenticated !== true
}
