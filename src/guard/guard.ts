/**
 * One authorized, recorded use of a credential: the only place that knows authorization, vault and audit.
 *
 * @module
 */

import type { RemainingLimit } from '../core/authorization/limits/remaining.ts'
import type { ContainerContents } from '../core/authorization/open-container.ts'
import type { CallOptions } from '../core/authorization/settings.ts'
import type { Command } from '../core/capability/command.ts'
import type { ArgumentsOf, CommandDefinition } from '../core/capability/definition.ts'
import { createAdmission } from './admission.ts'
import type { Handler } from './call.ts'
import { type GuardCallOptions, readCallOptions } from './call-options.ts'
import { createContext, createTrialContext, type WasUsed } from './context.ts'
import { waitAtMost } from './deadline.ts'
import { decide } from './decide.ts'
import { dryRun } from './dry-run.ts'
import { commitUse } from './hold.ts'
import type { GuardHealth } from './in-flight.ts'
import { checkGuardOptions, type GuardOptionsFor } from './options.ts'
import { createReadings } from './readings.ts'
import { recordChain } from './record-chain.ts'
import { startRecovery } from './recovery.ts'
import type { GuardRefusal } from './refusals.ts'
import type { GuardDecision, GuardResult } from './result.ts'
import { createEntry, createUse, type Input } from './use.ts'

/** Decides about calls, executes allowed ones with their credentials, and records each. */
export interface Guard<Args = unknown> {
  /**
   * Decides about a call and, if it is allowed, executes and records it: authorize, record the intent, run the handler,
   * release the credential to it, record the outcome, sign a receipt. No credential is released before the record of
   * the intent is confirmed.
   *
   * @param container - the invocation and its proofs, as received.
   * @returns the value of the handler, or the denial. A denial is also returned if the release of the credential could
   *   not be recorded, and the handler did not catch that error. Hostile bytes do not throw.
   * @throws the error of the handler, after the outcome was recorded.
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
  use<Definition extends CommandDefinition, T>(
    container: string | Uint8Array,
    handler: Handler<ArgumentsOf<Definition>, T>,
    options: GuardCallOptions & { readonly command: Definition },
  ): Promise<GuardResult<T>>
  use<T>(container: string | Uint8Array, handler: Handler<Args, T>, options?: GuardCallOptions): Promise<GuardResult<T>>
  /**
   * Decides about a call, and records a denial. The call is used up, and the use of the authorization is not recorded:
   * prefer {@link Guard.use}.
   */
  authorize(container: string | Uint8Array, options?: GuardCallOptions): Promise<GuardDecision>
  /**
   * Decides about a call and records the decision with `mode: 'shadow'`. The call is not used up, and no credential is
   * read. Use it to test a configuration.
   */
  dryRun(container: string | Uint8Array, options?: GuardCallOptions): Promise<GuardDecision>
  /**
   * Reads the tokens of a container with the limits and formats of calls, without a decision; see `Authorizer.open`.
   *
   * @throws MalformedError when a token is malformed; a TimeoutError after `deadlines.decisionMs`.
   */
  open(container: string | Uint8Array): Promise<ContainerContents>
  /**
   * Reports how much is left of the limits of the delegations in a container; see `Authorizer.remaining`.
   *
   * @throws the same errors; a TimeoutError after `deadlines.decisionMs`.
   */
  remaining(container: string | Uint8Array, options?: CallOptions): Promise<readonly RemainingLimit[]>
  /** Returns whether calls are accepted, and how many are in progress, for a health endpoint. */
  health(): GuardHealth
  /** The commands that it decides about. */
  readonly commands: readonly Command[]
  /**
   * Stops accepting calls, waits for the calls in progress, and closes the audit sink. Rejects when the sink does not
   * close within its time limit.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes the guard of a service.
 *
 * @throws ArgumentError for an error that would fail the first call: a credential that is not in the vault, a missing
 *   sink, an invalid option.
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
  return guardOf(options)
}

/**
 * Makes the guard of a service that continues a log.
 *
 * @param wasUsed - returns whether a call was executed before this process.
 */
export function guardOf<const List extends readonly unknown[]>(
  options: GuardOptionsFor<List>,
  wasUsed?: WasUsed,
): Guard<List[number]> {
  const given = checkGuardOptions(options)
  const { ledger } = given
  const context = createContext(given, wasUsed)
  const trial = createTrialContext(given, context)
  const { clock, commands, deadlines, inFlight, telemetry, trail } = context
  const recovery = given.audit.recoverIntents ? startRecovery({ sink: given.audit.sink, clock, telemetry }) : undefined

  const entry = createEntry(context, given)

  async function enter<T>(container: Input, task: (input: Input) => Promise<T>): Promise<T | GuardRefusal> {
    const refusal = entry.refuse()
    if (refusal !== undefined) return refusal
    try {
      return await task(entry.own(container))
    } finally {
      entry.leave()
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
    use: createUse<List[number]>(context, entry, ledger),
    authorize: (container, options) =>
      enter(container, async (input) => {
        const { signal, expected, claimed } = readCallOptions('authorize', options, commands)
        const { furtherCheck } = createAdmission(context, expected)
        const decision = await decide(context, input, { signal, furtherCheck }, context.revocationAge(), claimed)
        if (!decision.allowed) return decision
        const { authorization } = decision
        // A decision alone has no handler, whose time limit would end the wait for the ledger.
        const within = { of: 'the ledger', limit: 'decisionMs', deadlines, signals: [signal] } as const
        const record =
          ledger && (() => waitAtMost(within, () => recordChain(ledger, context.authorizer, input, authorization)))
        return commitUse(context, authorization, record, { signal })
      }),
    dryRun: (container, options) =>
      enter(container, async (input) => dryRun(trial, input, readCallOptions('dryRun', options, commands))),
    ...createReadings(context.authorizer, deadlines.decisionMs),
    health: () => ({ ...inFlight.state(), maxCalls: given.maxInFlight }),
    commands: Object.freeze([...commands.values()].map(({ command }) => command)),
    close,
    [Symbol.asyncDispose]: close,
  } satisfies Guard<List[number]>)
}
