import type { Authorizer } from '../authorization/authorize.ts'
import type { CallOptions } from '../authorization/settings.ts'
import type { GuardContext } from './context.ts'
import { DeadlineError, waitAtMost } from './deadline.ts'
import { undecided } from './refusals.ts'
import type { GuardDecision } from './result.ts'

/** Decides about a call, and records a denial. A denial holds whether or not it could be recorded. */
export async function decide(
  { authorizer, deadlines, telemetry, trail }: GuardContext,
  container: string | Uint8Array,
  call: CallOptions,
): Promise<GuardDecision> {
  const started = performance.now()
  const decision = await telemetry.span('ucan.verify', async (set) => {
    const made = await ask(authorizer, deadlines.decisionMs, container, call)
    if (made.allowed) set('gen_ai.tool.name', made.authorization.command)
    else set('error.type', made.denial.code)
    return made
  })
  const { allowed } = decision
  telemetry.event({
    name: 'decided',
    allowed,
    durationMs: performance.now() - started,
    ...(allowed ? { command: decision.authorization.command } : { code: decision.denial.code }),
  })
  if (!allowed) {
    await trail.denied(decision.denial, Math.round(performance.now() - started)).catch(telemetry.error)
  }
  return decision
}

async function ask(
  authorizer: Authorizer,
  decisionMs: number,
  container: string | Uint8Array,
  call: CallOptions,
): Promise<GuardDecision> {
  try {
    return await waitAtMost(decisionMs, [call.signal], (signal) => authorizer.authorize(container, { signal }))
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error
    return undecided(decisionMs)
  }
}
