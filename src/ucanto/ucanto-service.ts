import { parseCommand } from '../core/capability/command.ts'
import type { IpldValue } from '../core/ipld/value.ts'
import { ArgumentError } from '../errors.ts'
import type { Handler } from '../guard/call.ts'
import type { Guard } from '../guard/guard.ts'
import type { GuardDenial, GuardResult } from '../guard/result.ts'
import { callback, maybe, objectValue, readOptions, readTable, withMethod } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { quote } from '../support/quote.ts'
import { abilityOf } from './capability.ts'

/** The part of an invocation of `@ucanto/server` that a handler here uses. */
export interface IncomingInvocation {
  /** Returns the invocation and its proofs as a CAR file. */
  archive():
    | PromiseLike<{ readonly ok?: Uint8Array; readonly error?: unknown }>
    | { readonly ok?: Uint8Array; readonly error?: unknown }
}

/** The result of a handler of `@ucanto/server`. */
export type HandlerResult = { readonly ok: object } | { readonly error: UcantoFailure | UcantoHandlerFailure }

/** A denial in the form of failures in receipts of ucanto. */
export interface UcantoFailure {
  readonly name: 'Unauthorized'
  readonly message: string
  /** The code of the denial. */
  readonly code: string
  /** The requirement that the call does not meet. */
  readonly requirement: string
}

/** The failure in the receipt of a call whose handler threw, without the reason. */
export interface UcantoHandlerFailure {
  readonly name: 'HandlerFailed'
  readonly message: string
}

/** Options of {@link ucantoService}. */
export interface UcantoServiceOptions {
  /** Receives the error of a handler; the caller does not. Errors of this callback are ignored. Default: none. */
  readonly onError?: (error: unknown) => void
}

/** A handler for `@ucanto/server`. */
export type UcantoHandler = (invocation: IncomingInvocation) => Promise<HandlerResult>

/** Handlers by the segments of their abilities: the `service` of a `@ucanto/server`. */
export interface UcantoService {
  readonly [segment: string]: UcantoHandler | UcantoService
}

/**
 * Puts handlers behind a guard, as the `service` of a `@ucanto/server`. The guard decides about each call; it must list
 * `ucantoFormat()` in its `formats`. The server only unpacks messages and signs receipts.
 *
 * UCT-46: The table has no prototype, because that server follows names such as `constructor/assign` into it.
 *
 * @param handlers - by command, such as `/mail/send`. Receipts require each result to be a map.
 * @throws ArgumentError when a command has one segment or is below another command, or an option is invalid.
 *
 * @example
 * ```ts
 * import { ucantoService } from 'procura/ucanto'
 *
 * // The guard was created with `formats: [standardFormat, ucantoFormat()]`.
 * const handlers = ucantoService(guard, { '/mail/send': async ({ args }) => ({ sent: args.to }) })
 * ```
 */
export function ucantoService<Args>(
  guard: Pick<Guard<Args>, 'use'>,
  handlers: Readonly<Record<string, Handler<Args, { readonly [name: string]: IpldValue }>>>,
  options: UcantoServiceOptions = {},
): UcantoService {
  readOptions('ucantoService', { guard, handlers }, { guard: withMethod('use'), handlers: objectValue })
  const given = readOptions('ucantoService', options, { onError: maybe(callback) })
  readTable('ucantoService', handlers, callback)
  const service: Tree = Object.create(null)
  for (const [command, handler] of Object.entries(handlers)) {
    const path = abilityOf(parseCommand(command)).split('/')
    const last = path.pop() as string
    let at = service
    for (const segment of path) {
      const next = at[segment] ?? Object.create(null)
      if (typeof next === 'function') throw overlap(command)
      at[segment] = next
      at = next
    }
    if (at[last] !== undefined) throw overlap(command)
    at[last] = (invocation) => handle(guard, handler, invocation, given)
  }
  return service
}

interface Tree {
  [segment: string]: UcantoHandler | Tree
}

async function handle<Args>(
  guard: Pick<Guard<Args>, 'use'>,
  handler: Handler<Args, { readonly [name: string]: IpldValue }>,
  invocation: IncomingInvocation,
  { onError }: UcantoServiceOptions,
): Promise<HandlerResult> {
  const { ok: archive, error } = await invocation.archive()
  if (archive === undefined) throw new ArgumentError('the invocation could not be archived', { cause: error })
  let result: GuardResult<{ readonly [name: string]: IpldValue }>
  try {
    result = await guard.use(archive, handler)
  } catch (thrown) {
    quietly(() => onError?.(thrown))
    // UCT-62: The receipt does not contain the error.
    return { error: { name: 'HandlerFailed', message: 'the handler failed' } }
  }
  return result.allowed ? { ok: result.value } : { error: failureOf(result.denial) }
}

function failureOf({ code, message, requirement }: GuardDenial): UcantoFailure {
  return { name: 'Unauthorized', message, code, requirement }
}

function overlap(command: string): ArgumentError {
  return new ArgumentError(`command ${quote(command)} is below or above another command of \`handlers\``)
}
