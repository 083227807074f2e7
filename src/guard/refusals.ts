import type { Command } from '../core/capability/command.ts'
import type { GuardContext } from './context.ts'
import type { GuardDenial, GuardDenialCode } from './result.ts'

/** The answer of a guard that refuses. */
export interface GuardRefusal {
  readonly allowed: false
  readonly denial: GuardDenial
}

/** Refuses a call because the limit of concurrent calls is reached. The call was not read, so it can be sent again. */
export function overloaded({ telemetry }: Pick<GuardContext, 'telemetry'>, max: number): GuardRefusal {
  telemetry.event({ name: 'refused', code: 'overloaded' })
  return refuse('overloaded', `the service is busy with ${max} calls; send this call again later`, 'GRD-05')
}

/** Refuses a call because the guard is closing. */
export function closed({ telemetry }: Pick<GuardContext, 'telemetry'>, command?: Command): GuardRefusal {
  telemetry.event({ name: 'refused', code: 'closed', ...(command !== undefined && { command }) })
  return refuse('closed', 'the service is shutting down; try again later, with a newly signed call', 'GRD-06')
}

/** Refuses a call whose decision took too long. */
export function undecided(milliseconds: number): GuardRefusal {
  const message = `the decision timed out after ${milliseconds} ms; try again later, with a newly signed call`
  return refuse('deadline_exceeded', message, 'GRD-04')
}

/** Refuses a call whose intent was not confirmed. GRD-01 */
export function unrecorded({ telemetry }: GuardContext, command: Command, cause: unknown): GuardRefusal {
  telemetry.error(cause)
  telemetry.event({ name: 'refused', code: 'audit_unavailable', command })
  const message =
    'the call could not be recorded, so nothing was done; try again later, with a newly signed call (for the operator: `onError` of the guard receives the error of the audit sink)'
  return refuse('audit_unavailable', message, 'GRD-01', cause)
}

/** Refuses a call because the record of the release was not confirmed. GRD-12 */
export function unreleased({ telemetry }: GuardContext, command: Command, cause: unknown): GuardRefusal {
  telemetry.event({ name: 'refused', code: 'audit_unavailable', command })
  const message =
    'the audit sink did not confirm the release of the credential, so nothing was sent; `onError` of the guard receives its error'
  return refuse('audit_unavailable', message, 'GRD-12', cause)
}

/** Refuses a call because the revocation store did not answer before the release. GRD-22 */
export function unfound({ telemetry }: GuardContext, command: Command): GuardRefusal {
  telemetry.event({ name: 'refused', code: 'revocation_unknown', command })
  const message =
    'the revocation store could not tell whether the call was revoked, so nothing was sent; try again later, with a newly signed call'
  return refuse('revocation_unknown', message, 'GRD-22')
}

/** Refuses a call because its use of a limit was not confirmed. */
export function uncounted({ telemetry }: GuardContext, command: Command, cause: unknown): GuardRefusal {
  telemetry.error(cause)
  telemetry.event({ name: 'refused', code: 'limit_unknown', command })
  const message =
    'the limit store did not confirm the use, so nothing was done; try again later, with a newly signed call'
  return refuse('limit_unknown', message, 'LMT-16')
}

/** @param cause - is not enumerable, so that no serialized denial contains it. */
function refuse(code: GuardDenialCode, message: string, requirement: string, cause?: unknown): GuardRefusal {
  const denial: GuardDenial = { code, message, requirement }
  if (cause !== undefined) Object.defineProperty(denial, 'cause', { value: cause })
  return Object.freeze({ allowed: false, denial: Object.freeze(denial) })
}
