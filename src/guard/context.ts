import { type Decider, deciderOf } from '../core/authorization/authorize.ts'
import type { CheckedCall } from '../core/authorization/settings.ts'
import type { Signer } from '../core/principal/signer.ts'
import type { Clock } from '../time.ts'
import type { Vault } from '../vault/vault.ts'
import { type AuditTrail, createAuditTrail } from './audit-trail.ts'
import { definitionOf, type GuardedCommand } from './command.ts'
import { createInFlight, type InFlight } from './in-flight.ts'
import { lookingOnly } from './looking-only.ts'
import type { AudienceFunction, CheckedOptions, GuardDeadlines, SubjectFunction } from './options.ts'
import { type RevocationAgeReader, revocationAgeReader } from './revocation-age.ts'
import { createTelemetry, type Telemetry } from './telemetry.ts'

/** The state and the options that all calls of a guard share. */
export interface GuardContext extends Decider {
  /** Accepts subjects at run time; undefined if they are listed. */
  readonly accepts: SubjectFunction | undefined
  /** Accepts audiences at run time; undefined if they are listed. */
  readonly isOwn: AudienceFunction | undefined
  /** Whether audiences, owners or credentials are looked up at run time. */
  readonly asks: boolean
  readonly clock: Clock
  readonly commands: ReadonlyMap<string, GuardedCommand>
  readonly deadlines: Required<GuardDeadlines>
  readonly inFlight: InFlight
  /** The signers of receipts, the default one first. */
  readonly receipts: readonly Signer[]
  /** Reads how current the revocations are now; undefined for a store that does not report its age. */
  readonly revocationAge: RevocationAgeReader
  readonly telemetry: Telemetry
  readonly trail: AuditTrail
  readonly vault: Vault | undefined
  /** Whether a call was executed before this process; undefined if none was that could be accepted again. */
  readonly wasUsed: WasUsed | undefined
}

/** Returns whether a call was executed already; undefined if that cannot be known. */
export type WasUsed = (call: CheckedCall) => Promise<boolean | undefined>

/** Makes the context of a guard. */
export function createContext(options: CheckedOptions, wasUsed?: WasUsed): GuardContext {
  const { accepts, isOwn, audit, clock, commands, deadlines, maxInFlight, receipts, vault } = options
  const telemetry = createTelemetry(options)
  return {
    ...deciderOf(
      { ...options, commands: commands.map(definitionOf), onError: telemetry.error },
      holdSecondsOf(options),
    ),
    accepts,
    isOwn,
    asks:
      accepts !== undefined ||
      isOwn !== undefined ||
      wasUsed !== undefined ||
      commands.some(({ credential }) => typeof credential === 'function'),
    clock,
    commands: new Map(commands.map((command) => [command.command, command])),
    deadlines,
    inFlight: createInFlight(maxInFlight),
    receipts: Object.freeze(receipts === undefined ? [] : [receipts].flat()),
    revocationAge: revocationAgeReader(options.revocations, telemetry.error),
    telemetry,
    trail: createAuditTrail({
      audit,
      clock,
      commands,
      handlerMs: deadlines.handlerMs,
      mode: 'enforce',
      onError: telemetry.error,
    }),
    vault,
    wasUsed,
  }
}

/** Seconds after which a call has ended in any case, and a minute more for the clocks of other machines. */
function holdSecondsOf({ audit, deadlines }: CheckedOptions): number {
  const { decisionMs, handlerMs } = deadlines
  return Math.ceil((2 * decisionMs + handlerMs + 4 * audit.deadlineMs + 10_000) / 1_000) + 60
}

/**
 * Makes the context of a dry run, which shares limits and telemetry with the guard. GRD-08: nothing is claimed in the
 * replay store, so that the same call can still be made.
 */
export function createTrialContext(options: CheckedOptions, context: GuardContext): GuardContext {
  const { audit, clock, commands, deadlines } = options
  const { error: onError } = context.telemetry
  const limitStore = options.limitStore && lookingOnly(options.limitStore)
  return {
    ...context,
    wasUsed: undefined,
    // The caches are shared: with `rememberProofs`, a dry run decides as `use` does.
    ...deciderOf(
      {
        ...options,
        commands: commands.map(definitionOf),
        onError,
        replay: { claim: () => true },
        ...(limitStore && { limitStore }),
      },
      undefined,
      context.caches,
    ),
    trail: createAuditTrail({ audit, clock, commands, handlerMs: deadlines.handlerMs, mode: 'shadow', onError }),
  }
}
