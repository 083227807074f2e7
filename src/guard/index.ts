/**
 * `procura/guard`: one authorized, recorded use of a credential.
 *
 * @module
 */

export type { AuditOptions } from './audit-trail.ts'
export type { GuardedCall, Handler, UpstreamRequest } from './call.ts'
export type { GuardedCommand } from './command.ts'
export { createGuard, type Guard, type GuardDecision } from './guard.ts'
export type { GuardDeadlines, GuardOptions, GuardOptionsFor } from './options.ts'
export type { GuardDenial, GuardDenialCode, GuardResult } from './result.ts'
export type { GuardEvent, Span, TelemetryOptions, Tracer } from './telemetry.ts'
