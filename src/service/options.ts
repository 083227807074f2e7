import type { Ledger } from '../audit/ledger/create-ledger.ts'
import type { RevocationRegistry } from '../core/revocation/revocation-store.ts'
import { type GuardOptions, guardChecks } from '../guard/options.ts'
import {
  arrayOf,
  type DefaultCheck,
  maybe,
  nonEmptyArrayOf,
  type OptionCheck,
  type OptionChecks,
  withDefault,
  withMethod,
} from '../support/options.ts'
import type { BoundCommand } from './on.ts'

/** Something that is closed with a service, such as a pool of database connections. */
export interface Closable {
  close(): void | Promise<void>
}

/** Options of a service: those of its guard, with handlers for its commands. */
export interface ServiceOptions extends Omit<GuardOptions, 'commands' | 'ledger'> {
  /** The commands of the service and their handlers, made by `on`. */
  readonly handlers: readonly BoundCommand[]
  /**
   * The store to which received revocations are added; true for the one in `revocations`. Default: the service refuses
   * revocations.
   */
  readonly registry?: true | RevocationRegistry
  /**
   * Records the delegations of each allowed call, before its handler runs, and each received revocation. If the record
   * of a call fails, the handler does not run. Default: only the audit log names them, by their CIDs.
   */
  readonly ledger?: Pick<Ledger, 'used' | 'revoked'>
  /** Closed in this order when the service has closed: stores, vaults, pools. Default: none. */
  readonly resources?: readonly Closable[]
}

const boundCommand: OptionCheck = (value) =>
  typeof Object(value).handler === 'function' && typeof Object(value).definition === 'object'
    ? undefined
    : 'must be a command with its handler; make it with `on`'

const registryCheck: OptionCheck = (value) =>
  withMethod('add')(value) && 'must be true, for the store in `revocations`, or a store with a method `add`'

const { commands: _, ...checksOfGuard } = guardChecks

/** The checks of {@link ServiceOptions}. */
export const serviceChecks: OptionChecks<ServiceOptions> & { readonly resources: DefaultCheck } = Object.freeze({
  ...checksOfGuard,
  handlers: nonEmptyArrayOf(boundCommand),
  registry: maybe((value) => (value === true ? undefined : registryCheck(value))),
  ledger: maybe(withMethod('used')),
  resources: withDefault(arrayOf(withMethod('close')), Object.freeze([])),
})
