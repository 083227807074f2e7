/**
 * A service: a guard with a handler for each command, a place for revocations, and one end for all of it.
 *
 * @module
 */

import { type AuditHealth, type ObservedSink, withHealth } from '../audit/combine/with-health.ts'
import { callChecks } from '../core/authorization/options.ts'
import type { CallOptions } from '../core/authorization/settings.ts'
import type { Command } from '../core/capability/command.ts'
import type { RevocationRegistry } from '../core/revocation/revocation-store.ts'
import { ArgumentError } from '../errors.ts'
import type { GuardCallOptions } from '../guard/call-options.ts'
import type { WasUsed } from '../guard/context.ts'
import { type Guard, guardOf } from '../guard/guard.ts'
import type { GuardHealth } from '../guard/in-flight.ts'
import type { GuardResult } from '../guard/result.ts'
import {
  anything,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  refusePromise,
} from '../support/options.ts'
import { failureMs, type ObservedStores, observeStores, type StoresAnswer } from './observe-stores.ts'
import type { BoundCommand, CallSurroundings } from './on.ts'
import { type Closable, type ServiceOptions, serviceChecks } from './options.ts'
import { createRevocationDesk, type RevocationResult } from './revocation-desk.ts'

/** Options of one call of a service. */
export interface ServiceCallOptions extends GuardCallOptions {
  /**
   * The request with which the call came, or a function that makes it when a handler reads it. Default: the handler
   * gets no request.
   */
  readonly request?: Request | (() => Request)
}

/** The state of a service, for a health endpoint. */
export interface ServiceHealth extends GuardHealth {
  /**
   * Whether calls are accepted, the stores have answered, and the last record was confirmed; the failure of a record or
   * of a call counts for ten seconds.
   */
  readonly healthy: boolean
  /** The state of the audit sink. */
  readonly audit: AuditHealth
  /** Whether the stores have answered; see {@link Service.checkHealth}. */
  readonly stores: StoresAnswer
}

/** Executes the calls of its commands, and takes revocations. */
export interface Service {
  /**
   * Decides about a call and, if it is allowed, runs the handler of its command, as `guard.use` does. Neither hostile
   * bytes nor a call of another command throw.
   *
   * @throws the error of the handler, after the outcome was recorded.
   */
  call(container: string | Uint8Array, options?: ServiceCallOptions): Promise<GuardResult<unknown>>
  /**
   * Takes a revocation: verifies it, adds it to the `registry`, and records it. Only a revocation whose `path` begins
   * with a delegation of an owner that the service acts for is accepted, because strangers could fill the store
   * otherwise. It does not reject: a failure is a denial, and the same revocation may be sent again.
   */
  revoke(container: string | Uint8Array, options?: CallOptions): Promise<RevocationResult>
  /** Reports whether calls are accepted and recorded, and whether the stores have answered, without asking them. */
  health(): ServiceHealth
  /**
   * The same after a question to the store of revocations, for a health endpoint. It never rejects because of a store.
   * Questions at the same time are one.
   */
  checkHealth(): Promise<ServiceHealth>
  /** The commands that have a handler. */
  readonly commands: readonly Command[]
  /** The commands with their handlers, for an adapter that runs them by `guard`. A handler itself checks nothing. */
  readonly handlers: readonly BoundCommand[]
  /** Whether the service has a `registry`, and so takes revocations. */
  readonly takesRevocations: boolean
  /** The guard of the service, for dry runs, and for handlers of a single route. */
  readonly guard: Guard
  /**
   * Stops accepting calls, waits for those in progress, and closes the audit sink and then the `resources`. Rejects
   * with the first error after all of them were closed.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Makes a service. Its options are those of `createGuard`, with `handlers` in the place of `commands`.
 *
 * @throws ArgumentError for an error that would fail the first call, as `createGuard` does.
 *
 * @example
 * ```ts
 * import { createService, on } from 'procura/service'
 * import { memoryStores } from 'procura/store/memory'
 *
 * const mailService = createService({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   handlers: [
 *     on({ ...send, credential: 'mail' }, ({ args, fetch }) => fetch(`https://api.example.com/mail/${args.to}`)),
 *   ],
 *   vault,
 *   audit: { sink },
 *   ...memoryStores(),
 * })
 * const result = await mailService.call(received)
 * console.log(result.allowed ? result.value : result.denial.message)
 * ```
 */
export function createService(options: ServiceOptions): Service {
  return serviceOf(options)
}

/** Makes a service that continues a log. */
export function serviceOf(options: ServiceOptions, wasUsed?: WasUsed): Service {
  const {
    handlers,
    registry: named,
    ledger,
    resources,
    ...given
  } = readOptions('createService', options, serviceChecks)
  const registry = registryOf('createService', named, given.revocations)
  refusePromise('sink', Object(given.audit).sink)
  readOptions('createService', { audit: given.audit }, { audit: auditCheck })
  const sink = withHealth(given.audit.sink)
  // A spread would leave out inherited options, and with them the misspelt ones.
  const audit = Object.create(given.audit, { sink: { value: sink, enumerable: true } }) as ServiceOptions['audit']
  // SVC-19: the guard records the delegations of a call.
  const guarded = { ...given, audit, ...(ledger !== undefined && { ledger }) }
  const bound = new Map<string, BoundCommand>(handlers.map((one) => [one.definition.command, one]))
  const guard = guardOf({ ...guarded, commands: handlers.map(({ definition }) => definition) }, wasUsed)
  const desk = createRevocationDesk({ ...given, audit, registry, ledger })
  const stores = observeStores(given.revocations)

  let closing: Promise<void> | undefined
  function close(): Promise<void> {
    // A revocation in progress is recorded before the sink closes.
    closing ??= desk.close().then(() => closeAll([guard, ...resources]))
    return closing
  }

  return Object.freeze({
    call: async (container, options = {}) => {
      const { request, ...call } = readOptions('call', options, serviceCallChecks)
      const surroundings = surroundingsOf(request)
      const result = await guard.use(
        container,
        // SVC-15: the authorizer refuses commands without a handler.
        async (call) => (bound.get(call.command) as BoundCommand).handler(call as never, surroundings),
        call,
      )
      // A call that its caller gives up can end while a store is asked.
      if (call.signal?.aborted !== true) stores.note(result)
      return result
    },
    revoke: async (container, options = {}) => desk.take(container, readOptions('revoke', options, callChecks).signal),
    health: () => healthOf(guard, sink, stores),
    checkHealth: async () => {
      await stores.ask()
      return healthOf(guard, sink, stores)
    },
    commands: Object.freeze(handlers.map(({ definition }) => definition.command)),
    handlers: Object.freeze([...handlers]),
    takesRevocations: registry !== undefined,
    guard,
    close,
    [Symbol.asyncDispose]: close,
  } satisfies Service)
}

/** A copy that follows another store has no `add`: a revocation is then sent to that store. */
export function registryOf(
  of: string,
  registry: ServiceOptions['registry'],
  revocations: ServiceOptions['revocations'],
): RevocationRegistry | undefined {
  if (registry !== true) return registry
  if (typeof (revocations as Partial<RevocationRegistry>).add === 'function') return revocations as RevocationRegistry
  throw new ArgumentError(
    `${of}: \`registry\` is true, but the store in \`revocations\` has no method \`add\`; pass the store that takes revocations`,
  )
}

const auditCheck: OptionCheck = (value) =>
  objectValue(value) === undefined && typeof Object(value).append !== 'function'
    ? objectValue(Object(value).sink) &&
      'must have a `sink`, such as memoryAuditSink() or the result of openJsonlAuditSink'
    : 'must be an object with a `sink`: `audit: { sink }`'

/** Most handlers do not read the request. It is made on demand, and once. */
function surroundingsOf(given: ServiceCallOptions['request']): CallSurroundings {
  if (given === undefined) return Object.freeze({})
  if (typeof given !== 'function') return Object.freeze({ request: given })
  let request: Request | undefined
  return Object.freeze({
    get request() {
      request ??= given()
      return request
    },
  })
}

const serviceCallChecks: OptionChecks<ServiceCallOptions> = Object.freeze({
  ...callChecks,
  command: anything,
  args: anything,
  claimed: anything,
  admit: anything,
  request: anything,
})

function healthOf(guard: Guard, sink: ObservedSink, { state: answer }: ObservedStores): ServiceHealth {
  const state = guard.health()
  const audit = Object.freeze(sink.health())
  const stores = answer()
  // A service that gets no calls because it is not healthy would never be so again.
  const records = audit.healthy || (audit.lastFailureMs ?? 0) >= failureMs
  return Object.freeze({
    ...state,
    healthy: state.status === 'open' && records && stores !== 'failed',
    audit,
    stores,
  })
}

/** SVC-18: a failure does not leave the rest open. */
async function closeAll(resources: readonly Closable[]): Promise<void> {
  const errors: unknown[] = []
  for (const resource of resources) {
    try {
      await resource.close()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
