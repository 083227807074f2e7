import type { AuthorizeOptions } from '../authorization/options.ts'
import { ArgumentError } from '../errors.ts'
import type { Signer } from '../principal/signer.ts'
import type { Vault } from '../vault/vault.ts'
import type { AuditOptions } from './audit-trail.ts'
import type { GuardedCommand } from './command.ts'
import type { TelemetryOptions } from './telemetry.ts'

/** How long a guard waits, in milliseconds. */
export interface GuardDeadlines {
  /** For a decision: stores, resolvers, schemas. Default 2,000; then the call is refused. */
  readonly decisionMs?: number
  /** For a handler. Default 30,000; then its signal fires, and the call counts as ended in a way nobody knows. */
  readonly handlerMs?: number
  /** For the calls that are under way when the guard closes. Default 5,000; then their signals fire. */
  readonly closeMs?: number
}

/** How a service is guarded: how calls are decided (see {@link AuthorizeOptions}), and what comes with a yes. */
export interface GuardOptions<Args = unknown> extends Omit<AuthorizeOptions, 'commands' | 'onError'>, TelemetryOptions {
  /** The commands of the service, each with the credential it uses and what of it may be recorded. */
  readonly commands: readonly GuardedCommand<Args>[]
  /** Where credentials are. Needed when a command uses one. */
  readonly vault?: Vault
  /** Where records go. */
  readonly audit: AuditOptions
  /** Who signs receipts, usually the service itself. Default: nobody, and there are none. */
  readonly receipts?: Signer
  /** How long it waits. */
  readonly deadlines?: GuardDeadlines
  /** Most calls under way at a time; one more is refused. Default 1,000. */
  readonly maxInFlight?: number
}

/**
 * Finds in options what would fail at the first call.
 *
 * @throws {@link ArgumentError} that says which option, and what to do.
 */
export function checkGuardOptions(options: GuardOptions): void {
  const { commands, vault, audit, maxInFlight = 1_000, deadlines = {} } = options
  if (!Array.isArray(commands)) throw new ArgumentError('`commands` must be a list of command definitions')
  if (typeof audit?.sink?.append !== 'function') {
    throw new ArgumentError('`audit.sink` must be an audit sink; what is not recorded is not done')
  }
  for (const { command, credential } of commands as readonly GuardedCommand[]) {
    if (credential === undefined) continue
    // GRD-09
    if (vault === undefined) throw new ArgumentError(`\`${command}\` uses a credential, and there is no \`vault\``)
    if (vault.references?.includes(credential) === false) {
      throw new ArgumentError(`\`${command}\` uses the credential \`${credential}\`, which the vault does not hold`)
    }
  }
  for (const [name, value] of Object.entries({ maxInFlight, ...deadlines })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new ArgumentError(`\`${name}\` must be a whole number above zero`)
  }
}
