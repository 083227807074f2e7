/**
 * One authorized, recorded use of a credential: the only place that knows authorization, vault and audit.
 *
 * @module
 */

import type { Authorization } from '../authorization/authorization.ts'
import { type Authorizer, authorizerOf } from '../authorization/authorize.ts'
import type { ContainerContents } from '../authorization/open-container.ts'
import { type CallOptions, callChecks } from '../authorization/options.ts'
import type { Command } from '../capability/command.ts'
import { ArgumentError } from '../errors.ts'
import { readOptions } from '../support/options.ts'
import { systemClock } from '../time.ts'
import { createAuditTrail } from './audit-trail.ts'
import type { Handler } from './call.ts'
import type { GuardedCommand } from './command.ts'
import { DeadlineError, waitAtMost } from './deadline.ts'
import { createInFlight } from './in-flight.ts'
import { checkGuardOptions, type GuardOptionsFor } from './options.ts'
import { perform } from './perform.ts'
import { startRecovery } from './recovery.ts'
import { type GuardRefusal, refuse } from './refuse.ts'
import type { GuardDenial, GuardResult } from './result.ts'
import { createTelemetry } from './telemetry.ts'

/** A guard's decision. */
export type GuardDecision =
  | { readonly allowed: true; readonly authorization: Authorization }
  | { readonly allowed: false; readonly denial: GuardDenial }

/** Guards a service. */
export interface Guard<Args = unknown> {
  /**
   * Decides about a call and, if it is allowed, has it done and recorded: authorize, record the intent, release the
   * credential, run the handler, record the outcome, sign a receipt. Nothing is released before the record of the intent
   * is confirmed.
   *
   * @param container - the invocation and its proofs, as they came.
   * @returns the handler's value, or the denial; also when the release of the credential could not be recorded, and the
   *   handler let the error of that through. Nothing is thrown for hostile bytes.
   * @throws what the handler throws, after the outcome was recorded.
   *
   * @example
   * ```ts
   * const result = await guard.use(received, async ({ args, fetch }) => {
   *   const response = await fetch(`https://api.example.com/mail/${args.to}`, { method: 'POST' })
   *   return response.status
   * })
   * console.log(result.allowed ? result.value : result.denial.message)
   * ```
   */
  use<T>(container: string | Uint8Array, handler: Handler<Args, T>, options?: CallOptions): Promise<GuardResult<T>>
  /**
   * Decides, and records a refusal. It uses the call up, and what is done with the authorization is not recorded: prefer
   * {@link Guard.use}.
   */
  authorize(container: string | Uint8Array, options?: CallOptions): Promise<GuardDecision>
  /**
   * Decides and records, with `mode: 'shadow'` in the record, and changes nothing: no call is used up, nothing is
   * released. To see what a guard would do before it does.
   */
  dryRun(container: string | Uint8Array, options?: CallOptions): Promise<GuardDecision>
  /**
   * Reads the tokens of a container as calls are read, and decides nothing; see `Authorizer.open`.
   *
   * @throws MalformedError for bytes of which a token cannot be read.
   */
  open(container: string | Uint8Array): Promise<ContainerContents>
  /**
   * Lets no further calls in, waits for those under way, and closes the audit sink. Rejects when the sink fails to close,
   * or takes too long.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes the guard of a service.
 *
 * @throws ArgumentError for what would fail at the first call: a credential the vault does not hold, a missing
 * sink, a list that is none.
 *
 * @example
 * ```ts
 * import { createGuard } from 'procura/guard'
 * import { memoryReplayStore, memoryRevocationStore } from 'procura/store/memory'
 *
 * const guard = createGuard({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [{ ...send, credential: 'mail', show: ['to'] }],
 *   vault,
 *   audit: { sink },
 *   revocations: memoryRevocationStore(),
 *   replay: memoryReplayStore(),
 * })
 * ```
 */
export function createGuard<const List extends readonly unknown[]>(
  options: GuardOptionsFor<List>,
): Guard<List[number]> {
  type Args = List[number]
  const given = checkGuardOptions(options)
  const { audit, clock = systemClock, commands, deadlines = {}, maxInFlight = 1_000, receipts, vault } = given
  const { decisionMs = 2_000, handlerMs = 30_000, receiptMs = 2_000, closeMs = 5_000 } = deadlines
  const table = new Map(commands.map((command) => [command.command, command]))
  const telemetry = createTelemetry(given)
  const settings = { ...given, onError: telemetry.error }
  const authorizer = authorizerOf(settings)
  // GRD-08: a trial claims nothing, so that the real call can still be made.
  const trial = authorizerOf({ ...settings, replay: { claim: () => true } })
  // From the intent to the outcome: keys and sink, the handler, what it did not wait for, and the sink again.
  const callMs = handlerMs + 4 * (audit.deadlineMs ?? 500) + 10_000
  const trail = createAuditTrail(audit, commands, clock, callMs, 'enforce', telemetry.error)
  const shadow = createAuditTrail(audit, commands, clock, callMs, 'shadow', telemetry.error)
  const inFlight = createInFlight(maxInFlight)
  const recovery = audit.recoverIntents ? startRecovery({ sink: audit.sink, clock, telemetry }) : undefined

  async function decide(by: Authorizer, container: string | Uint8Array, call: CallOptions): Promise<GuardDecision> {
    const started = performance.now()
    const decision = await telemetry.span('ucan.verify', async (set) => {
      const made = await ask(by, container, call)
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
      // A refusal stands whether or not it could be recorded.
      const written = (by === trial ? shadow : trail).denied(decision.denial, Math.round(performance.now() - started))
      await written.catch(telemetry.error)
    }
    return decision
  }

  async function ask(by: Authorizer, container: string | Uint8Array, call: CallOptions): Promise<GuardDecision> {
    try {
      return await waitAtMost(decisionMs, [call.signal], (signal) => by.authorize(container, { signal }))
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      return refuse(
        'deadline_exceeded',
        `the decision timed out after ${decisionMs} ms; sign a new call and send it later`,
        'GRD-04',
      )
    }
  }

  async function enter<T>(task: () => Promise<T>): Promise<T | GuardRefusal> {
    const entered = inFlight.enter()
    if (entered === 'closed') return turnedAway()
    if (entered === 'overloaded') {
      telemetry.event({ name: 'refused', code: entered })
      return refuse(entered, `the service is busy with ${maxInFlight} calls; send this call again later`, 'GRD-05')
    }
    try {
      return await task()
    } finally {
      inFlight.leave()
    }
  }

  async function use<T>(
    container: string | Uint8Array,
    handler: Handler<Args, T>,
    call: CallOptions,
  ): Promise<GuardResult<T>> {
    const decision = await decide(authorizer, container, call)
    if (!decision.allowed) return decision
    const { authorization } = decision
    const command = table.get(authorization.command) as GuardedCommand
    if (inFlight.isEnding()) return turnedAway(authorization.command)
    const onRecorded = inFlight.record()
    try {
      let intent: string
      try {
        intent = await telemetry.span('audit.intent', (set) => {
          set('gen_ai.tool.name', command.command)
          return trail.intent(authorization, command, call.signal)
        })
      } catch (error) {
        return unrecorded(error, authorization.command)
      }
      return await inFlight.run((closing) =>
        perform({
          authorization,
          command,
          intent,
          handler,
          signals: [call.signal, closing],
          authorizer,
          clock,
          handlerMs,
          receiptMs,
          receipts,
          telemetry,
          trail,
          vault,
          onRecorded,
        }),
      )
    } finally {
      onRecorded()
    }
  }

  /** A call that was let in before, and has not begun when the guard has waited long enough, is late as well. */
  function turnedAway(command?: Command): GuardRefusal {
    telemetry.event({ name: 'refused', code: 'closed', ...(command !== undefined && { command }) })
    return refuse('closed', 'the service is shutting down; sign a new call and send it later', 'GRD-06')
  }

  /** GRD-01 */
  function unrecorded(error: unknown, command: Command): GuardRefusal {
    telemetry.error(error)
    telemetry.event({ name: 'refused', code: 'audit_unavailable', command })
    return refuse(
      'audit_unavailable',
      'the audit sink did not confirm the intent, so nothing was done; `onError` of the guard receives its error',
      'GRD-01',
      error,
    )
  }

  let closing: Promise<void> | undefined
  function close(): Promise<void> {
    closing ??= inFlight.drain(closeMs).then(async () => {
      await recovery?.close(closeMs)
      try {
        await shadow.close(closeMs)
      } finally {
        await trail.close(closeMs)
      }
    })
    return closing
  }

  return Object.freeze({
    use: async <T>(container: string | Uint8Array, handler: Handler<Args, T>, options: CallOptions = {}) => {
      const call = readOptions('use', options, callChecks)
      if (typeof handler !== 'function')
        throw new ArgumentError('`use` needs a handler; to decide only, call `authorize`')
      return enter(() => use(container, handler, call))
    },
    authorize: (container, options = {}) =>
      enter(async () => decide(authorizer, container, readOptions('authorize', options, callChecks))),
    dryRun: (container, options = {}) =>
      enter(async () => {
        const call = readOptions('dryRun', options, callChecks)
        const decision = await decide(trial, container, call)
        if (!decision.allowed) return decision
        const { authorization } = decision
        const command = table.get(authorization.command) as GuardedCommand
        if (inFlight.isEnding()) return turnedAway(authorization.command)
        // What nothing was used up for releases nothing.
        authorization.consume(Math.floor(clock.now()))
        const onRecorded = inFlight.record()
        try {
          const intent = await shadow.intent(authorization, command, call.signal)
          await shadow.outcome(intent, { status: 'ok', durationMs: 0 })
        } catch (error) {
          return unrecorded(error, authorization.command)
        } finally {
          onRecorded()
        }
        return decision
      }),
    open: (container) => authorizer.open(container),
    close,
    [Symbol.asyncDispose]: close,
  } satisfies Guard<Args>)
}
