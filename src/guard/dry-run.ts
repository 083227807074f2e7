import { secondsOf } from '../time.ts'
import { createAdmission } from './admission.ts'
import type { CheckedCallOptions } from './call-options.ts'
import type { GuardContext } from './context.ts'
import { decide, withClaims } from './decide.ts'
import { closed, unrecorded } from './refusals.ts'
import type { GuardDecision } from './result.ts'

/**
 * Decides about a call and records the decision, without a handler.
 *
 * @param context - of a dry run, see `createTrialContext`.
 */
export async function dryRun(
  context: GuardContext,
  container: string | Uint8Array,
  { signal, expected, claimed }: CheckedCallOptions,
): Promise<GuardDecision> {
  const { clock, inFlight, trail } = context
  const { furtherCheck, commandOf } = createAdmission(context, expected)
  const before = context.revocationAge()
  const decision = await decide(context, container, { signal, furtherCheck }, before, claimed)
  if (!decision.allowed) return decision
  const age = withClaims(context.revocationAge(before), claimed)
  const { authorization } = decision
  const command = commandOf(authorization.command)
  if (inFlight.isEnding()) return closed(context, authorization.command)
  // The call was not claimed in the replay store. Its authorization must not release anything.
  authorization.consume(secondsOf(clock))
  const onRecorded = inFlight.record()
  try {
    const intent = await trail.intent(authorization, command, signal, age)
    await trail.outcome(intent, { status: 'ok', durationMs: 0 })
  } catch (error) {
    return unrecorded(context, authorization.command, error)
  } finally {
    onRecorded()
  }
  return decision
}
