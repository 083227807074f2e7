import type { ArgumentsOf } from '../core/capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import type { GuardedCall } from '../guard/call.ts'
import type { GuardedCommand } from '../guard/command.ts'

/** The context of a call. */
export interface CallSurroundings {
  /**
   * The request in which an adapter received the call. Its body, address and headers are not signed, unless the command
   * binds them (`procura/http/binding`): use the arguments of the call.
   */
  readonly request?: Request
}

/** Executes an authorized call of its command. A result that is a `Response` is the response of an adapter. */
export type CommandHandler<Args, T> = (call: GuardedCall<Args>, surroundings: CallSurroundings) => T | Promise<T>

/** A command of a service, with its handler. Made by {@link on}. */
export interface BoundCommand<Args = unknown> {
  /** The command. */
  readonly definition: GuardedCommand<Args>
  /** The handler, which is only given calls of this command. */
  readonly handler: (call: never, surroundings: CallSurroundings) => unknown
}

/**
 * Binds a handler to a command, for `createService`. Of a union of definitions, the arguments of the handler are the
 * union of theirs.
 *
 * @throws ArgumentError when an argument is not of its type.
 *
 * @example
 * ```ts
 * import { on } from 'procura/service'
 *
 * const sending = on({ ...send, credential: 'mail' }, async ({ args, fetch }) => {
 *   const response = await fetch(`https://api.example.com/mail/${args.to}`, { method: 'POST' })
 *   return { status: response.status }
 * })
 * ```
 */
export function on<Definition extends GuardedCommand, T>(
  definition: Definition,
  handler: CommandHandler<ArgumentsOf<Definition>, T>,
): BoundCommand<ArgumentsOf<Definition>> {
  if (typeof Object(definition).command !== 'string')
    throw new ArgumentError('on: `definition` must be the definition of a command; make it with defineCommand')
  if (typeof handler !== 'function') throw new ArgumentError('on: `handler` must be a function')
  return Object.freeze({ definition: definition as GuardedCommand<ArgumentsOf<Definition>>, handler })
}
