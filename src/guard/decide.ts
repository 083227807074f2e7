import type { ClaimedFacts, RevocationAge } from '../audit/events/event.ts'
import type { Decision } from '../core/authorization/decision.ts'
import type { DecideOptions } from '../core/authorization/settings.ts'
import { endDeadline, type LazyDeadline, signalOptions, throwIfAborted, waitWithin } from '../support/lazy-deadline.ts'
import { isPromiseLike } from '../support/promise.ts'
import type { GuardContext } from './context.ts'
import { DeadlineError, openAtMost, waitAtMost } from './deadline.ts'
import type { UndecidedFacts } from './denial-log.ts'
import { type GuardRefusal, undecided } from './refusals.ts'
import type { GuardDecision } from './result.ts'

/**
 * Decides about a call, and records a denial. A denial holds whether or not it could be recorded. It returns a
 * promise only if the decision or its record has to be waited for.
 *
 * @param age - how current the revocations are, read before the decision.
 * @param claimed - of the caller, for the record.
 */
export function decide(
  context: GuardContext,
  container: string | Uint8Array,
  { signal, furtherCheck }: DecideOptions,
  age: RevocationAge | undefined,
  claimed: ClaimedFacts | undefined,
): GuardDecision | Promise<GuardDecision> {
  const { telemetry } = context
  const started = performance.now()
  const made = telemetry.span('ucan.verify', (set) => {
    const answer = ask(context, container, { signal, furtherCheck }, started)
    const describe = (decision: GuardDecision): GuardDecision => {
      if (decision.allowed) set('gen_ai.tool.name', decision.authorization.command)
      else set('error.type', decision.denial.code)
      return decision
    }
    return isPromiseLike(answer) ? answer.then(describe) : describe(answer)
  })
  const report = (decision: GuardDecision): GuardDecision | Promise<GuardDecision> => {
    const { allowed } = decision
    if (allowed && !telemetry.isHeard) return decision
    const durationMs = performance.now() - started
    telemetry.event({
      name: 'decided',
      allowed,
      durationMs,
      ...(allowed ? { command: decision.authorization.command } : { code: decision.denial.code }),
    })
    if (allowed) return decision
    const facts = withClaims(context.revocationAge(age), claimed)
    if (context.accepts === undefined && context.isOwn === undefined)
      return recordDenial(context, decision, Math.round(durationMs), facts)
    return authenticate(context, decision, signal).then((refused) =>
      recordDenial(context, refused, Math.round(durationMs), facts),
    )
  }
  return isPromiseLike(made) ? made.then(report) : report(made)
}

/**
 * A stranger can sign a chain of its own. Where owners are known at run time, a refused call is authenticated only if
 * the service acts for its subject.
 */
async function authenticate(
  { accepts, deadlines, telemetry }: GuardContext,
  refused: GuardRefusal,
  signal: AbortSignal | undefined,
): Promise<GuardRefusal> {
  const { denial } = refused
  const { call } = denial
  if (call?.authenticated !== true) return refused
  if (!unauthenticated.has(denial.code)) {
    if (accepts === undefined) return refused
    const within = { of: 'the question for the subject', limit: 'decisionMs', deadlines, signals: [signal] } as const
    try {
      const answer = await waitAtMost(within, async (ended) => accepts(call.subject, { signal: ended }))
      if (answer === true) return refused
    } catch (error) {
      telemetry.error(error)
    }
  }
  return Object.freeze({
    ...refused,
    denial: Object.freeze({ ...denial, call: Object.freeze({ ...call, authenticated: false }) }),
  })
}

/** The refusals of a subject or an audience that was asked about. */
const unauthenticated: ReadonlySet<string> = new Set([
  'audience_mismatch',
  'audience_unknown',
  'subject_not_accepted',
  'subject_unknown',
])

async function recordDenial(
  { telemetry, trail }: GuardContext,
  refused: GuardRefusal,
  durationMs: number,
  facts: UndecidedFacts | undefined,
): Promise<GuardDecision> {
  await trail.denied(refused.denial, durationMs, facts).catch(telemetry.error)
  return refused
}

/** The facts of a record that the decision does not have. */
export function withClaims(
  age: RevocationAge | undefined,
  claimed: ClaimedFacts | undefined,
): UndecidedFacts | undefined {
  return claimed === undefined ? age : { ...age, claimed }
}

/** A decision that is there at once is not waited for: it needs no timer, and no signal. */
function ask(
  { decide: decideNow, deadlines }: GuardContext,
  container: string | Uint8Array,
  { signal, furtherCheck }: DecideOptions,
  started: number,
): GuardDecision | Promise<GuardDecision> {
  const deadline = openAtMost({ of: 'the decision', limit: 'decisionMs', deadlines, signals: [signal] }, started)
  throwIfAborted(deadline)
  const options = signalOptions(deadline)
  // Passes the same object: a copy would create the signal.
  const made = decideNow(container, furtherCheck === undefined ? options : Object.assign(options, { furtherCheck }))
  if (isPromiseLike(made)) return decisionWithin(deadline, made)
  // A store may have asked for the signal.
  endDeadline(deadline)
  throwIfAborted(deadline)
  return made
}

async function decisionWithin(deadline: LazyDeadline, made: Promise<Decision>): Promise<GuardDecision> {
  try {
    return await waitWithin(deadline, made)
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error
    return undecided(deadline.milliseconds)
  } finally {
    endDeadline(deadline)
  }
}
