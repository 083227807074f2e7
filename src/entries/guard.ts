/**
 * `procura/guard`: one authorized, recorded use of a credential.
 *
 * @module
 */

export type { AuditOptions } from '../guard/audit-trail.ts'
export type { GuardedCall, Handler, UpstreamRequest } from '../guard/call.ts'
export type { GuardedCommand } from '../guard/command.ts'
export { createGuard, type Guard, type GuardDecision } from '../guard/guard.ts'
export type { GuardDeadlines, GuardOptions, GuardOptionsFor } from '../guard/options.ts'
export type { GuardDenial, GuardDenialCode, GuardResult } from '../guard/result.ts'
export type { GuardEvent, Span, TelemetryOptions, Tracer } from '../guard/telemetry.ts'
