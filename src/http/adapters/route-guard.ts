/**
 * The parts that the guards before a handler of each framework share.
 *
 * @module
 */

import type { ArgumentsOf, CommandDefinition } from '../../core/capability/definition.ts'
import { ArgumentError } from '../../errors.ts'
import type { GuardedCall } from '../../guard/call.ts'
import type { Guard } from '../../guard/guard.ts'
import { readOptions, withMethod } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type CallTaker, type CheckedHandlerOptions, type HandlerOptions, readHandlerOptions } from './answer.ts'

/** Options of a guard before a handler that exists, such as `expressGuard`. */
export interface RouteGuardOptions<Definition extends CommandDefinition = CommandDefinition>
  extends Pick<HandlerOptions, 'bind' | 'bodyBytes' | 'headerCharacters' | 'onError' | 'otherBearerTokens'> {
  /** The command of this route, which is one of the guard. A call of another command is refused. */
  readonly command: Definition
}

/** The part of a guard that is used. */
export type RouteGuard = Pick<Guard, 'commands' | 'use'>

/** Has the call of a request that was passed on. */
const callKey: unique symbol = Symbol('procura.call')

/**
 * The call of a request that a guard of its route has let through, such as `expressGuard`.
 *
 * @param request - the request of `fetchGuard`, Express, Fastify or `node:http`, or the context of Hono.
 * @param command - the command of the route, which gives the arguments their type.
 * @throws ArgumentError when no guard has let the request through, or for another command: a route without its guard
 *   does nothing.
 */
export function callOf<Definition extends CommandDefinition>(
  request: object,
  command: Definition,
): GuardedCall<ArgumentsOf<Definition>> {
  const call = Object(request)[callKey] as GuardedCall<ArgumentsOf<Definition>> | undefined
  const name = quote(String(Object(command).command), 64)
  if (call === undefined)
    throw new ArgumentError(
      `callOf: no call came with this request; put a guard of ${name}, such as expressGuard, before the handler`,
    )
  if (call.command !== Object(command).command)
    throw new ArgumentError(`callOf: the call of this request is of ${quote(call.command, 64)}, and not of ${name}`)
  return call
}

/** Gives a request the call that {@link callOf} returns. */
export function putCall(request: object, call: GuardedCall): void {
  Object.defineProperty(request, callKey, { value: call, configurable: true })
}

/**
 * Reads the options of a guard before a handler.
 *
 * @throws ArgumentError when an option is invalid, or the guard does not know the command.
 */
export function readRouteGuard(of: string, guard: RouteGuard, options: RouteGuardOptions): CheckedHandlerOptions {
  readOptions(of, { guard }, { guard: withMethod('use') })
  const checked = readHandlerOptions(
    of,
    guardTaker(guard, async () => undefined),
    options,
  )
  if (typeof Object(Object(options).command).command !== 'string')
    throw new ArgumentError(`${of}: \`command\` must be a command definition`)
  return checked
}

/**
 * A guard as an adapter takes it.
 *
 * @param passOn - has the handler run. An error that it throws as `failed` returns has been answered by the handler or
 *   its framework: it is recorded, and its value is the result.
 */
export function guardTaker(
  guard: RouteGuard,
  passOn: (call: GuardedCall, request: () => Request) => Promise<unknown>,
  answered: (error: unknown) => { readonly value: unknown } | undefined = () => undefined,
): CallTaker {
  return {
    commands: guard.commands,
    takesRevocations: false,
    async call(container, { request, ...call } = {}) {
      try {
        return await guard.use(container, (passed) => passOn(passed, request as () => Request), call)
      } catch (error) {
        const known = answered(error)
        if (known === undefined) throw error
        return { allowed: true, ...known } as never
      }
    },
    revoke: () => Promise.reject(new ArgumentError('the guard of a route takes no revocations')),
  }
}
