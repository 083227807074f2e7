import { parseCommand } from '../capability/command.ts'
import { ArgumentError } from '../errors.ts'
import type { Handler } from '../guard/call.ts'
import type { Guard } from '../guard/guard.ts'
import type { GuardDenial, GuardResult } from '../guard/result.ts'
import type { IpldValue } from '../ipld/value.ts'
import { callback, maybe, objectValue, readOptions, readTable, withMethod } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { quote } from '../support/quote.ts'
import { abilityOf } from './capability.ts'

/** What `@ucanto/server` hands to a handler, as far as it is used here. */
export interface IncomingInvocation {
  /** The invocation and its proofs as a CAR file. */
  archive():
    | PromiseLike<{ readonly ok?: Uint8Array; readonly error?: unknown }>
    | { readonly ok?: Uint8Array; readonly error?: unknown }
}

/** What a handler of `@ucanto/server` returns. */
export type HandlerResult = { readonly ok: object } | { readonly error: UcantoFailure | UcantoHandlerFailure }

/** A refusal in the form in which receipts of that ecosystem carry failures. */
export interface UcantoFailure {
  readonly name: 'Unauthorized'
  readonly message: string
  /** The code of the denial. */
  readonly code: string
  /** The requirement that is not met. */
  readonly requirement: string
}

/** What the receipt of a call says whose handler failed: nothing of why. */
export interface UcantoHandlerFailure {
  readonly name: 'HandlerFailed'
  readonly message: string
}

/** Options of {@link ucantoService}. */
export interface UcantoServiceOptions {
  /** Gets what a handler threw; the caller is not told of it. What it throws is ignored. */
  readonly onError?: (error: unknown) => void
}

/** A handler for `@ucanto/server`. */
export type UcantoHandler = (invocation: IncomingInvocation) => Promise<HandlerResult>

/** Handlers by the segments of their abilities: the `service` of a `@ucanto/server`. */
export interface UcantoService {
  readonly [segment: string]: UcantoHandler | UcantoService
}

/**
 * Puts handlers behind a guard, as the `service` of a `@ucanto/server`. Whether a call may be made is decided by the
 * guard, which has to list `ucantoFormat()` in its `formats`; the server only takes messages apart and signs receipts.
 *
 * UCT-46: the table has no prototype, because that server follows names such as `constructor/assign` into it.
 *
 * @param handlers - by command, such as `/mail/send`. What they return has to be a map, as receipts want it.
 * @throws ArgumentError for a command of one segment, or one that stands below another.
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
    // UCT-62
    return { error: { name: 'HandlerFailed', message: 'the handler failed' } }
  }
  return result.allowed ? { ok: result.value } : { error: failureOf(result.denial) }
}

function failureOf({ code, message, requirement }: GuardDenial): UcantoFailure {
  return { name: 'Unauthorized', message, code, requirement }
}

function overlap(command: string): ArgumentError {
  return new ArgumentError(`${quote(command)} stands below or above another command`)
}
