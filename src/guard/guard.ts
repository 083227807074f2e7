/**
 * One authorized, recorded use of a credential: the only place that knows authorization, vault and audit.
 *
 * @module
 */

import type { ContainerContents } from '../authorization/open-container.ts'
import { callChecks } from '../authorization/options.ts'
import type { CallOptions } from '../authorization/settings.ts'
import { ArgumentError } from '../errors.ts'
import { readOptions } from '../support/options.ts'
import type { Handler } from './call.ts'
import type { GuardedCommand } from './command.ts'
import { createContext, createTrialContext } from './context.ts'
import { decide } from './decide.ts'
import { dryRun } from './dry-run.ts'
import { checkGuardOptions, type GuardOptionsFor } from './options.ts'
import { perform } from './perform.ts'
import { startRecovery } from './recovery.ts'
import { closed, type GuardRefusal, overloaded } from './refusals.ts'
import type { GuardDecision, GuardResult } from './result.ts'

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
 * import { memoryStores } from 'procura/store/memory'
 *
 * const guard = createGuard({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   commands: [{ ...send, credential: 'mail', show: ['to'] }],
 *   vault,
 *   audit: { sink },
 *   ...memoryStores(),
 * })
 * ```
 */
export function createGuard<const List extends readonly unknown[]>(
  options: GuardOptionsFor<List>,
): Guard<List[number]> {
  const given = checkGuardOptions(options)
  const context = createContext(given)
  const trial = createTrialContext(given, context)
  const { clock, commands, deadlines, inFlight, telemetry, trail } = context
  const recovery = given.audit.recoverIntents ? startRecovery({ sink: given.audit.sink, clock, telemetry }) : undefined

  /** Lets a call in, unless the guard is closed or has as many as it may. */
  async function enter<T>(task: () => Promise<T>): Promise<T | GuardRefusal> {
    const entered = inFlight.enter()
    if (entered === 'closed') return closed(context)
    if (entered === 'overloaded') return overloaded(context, given.maxInFlight)
    try {
      return await task()
    } finally {
      inFlight.leave()
    }
  }

  let closing: Promise<void> | undefined
  function close(): Promise<void> {
    closing ??= inFlight.drain(deadlines.closeMs).then(async () => {
      await recovery?.close(deadlines.closeMs)
      try {
        await trial.trail.close(deadlines.closeMs)
      } finally {
        await trail.close(deadlines.closeMs)
      }
    })
    return closing
  }

  return Object.freeze({
    use: async <T>(
      container: string | Uint8Array,
      handler: Handler<List[number], T>,
      options: CallOptions = {},
    ): Promise<GuardResult<T>> => {
      const call = readOptions('use', options, callChecks)
      if (typeof handler !== 'function') {
        throw new ArgumentError('use: `handler` must be a function; to decide only, call `authorize`')
      }
      return enter(async () => {
        const decision = await decide(context, container, call)
        if (!decision.allowed) return decision
        const { authorization } = decision
        const command = commands.get(authorization.command) as GuardedCommand
        return perform(context, { authorization, command, handler, signal: call.signal })
      })
    },
    authorize: (container, options = {}) =>
      enter(async () => decide(context, container, readOptions('authorize', options, callChecks))),
    dryRun: (container, options = {}) =>
      enter(async () => dryRun(trial, container, readOptions('dryRun', options, callChecks))),
    open: (container) => context.authorizer.open(container),
    close,
    [Symbol.asyncDispose]: close,
  } satisfies Guard<List[number]>)
}
