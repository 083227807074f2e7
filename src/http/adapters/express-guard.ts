/**
 * A guard before a handler that exists.
 *
 * @module
 */

import type { ArgumentsOf, CommandDefinition } from '../../core/capability/definition.ts'
import { ArgumentError } from '../../errors.ts'
import type { GuardedCall } from '../../guard/call.ts'
import type { Guard } from '../../guard/guard.ts'
import { answerHeader } from '../../support/answer-mark.ts'
import { readOptions, withMethod } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { privately } from '../../support/unshared.ts'
import { answerRequest, type CallTaker, type HandlerOptions, readHandlerOptions } from './answer.ts'
import { followClient } from './follow-client.ts'
import { incomingOf, type NodeIncoming, type NodeOutgoing, sendAnswer } from './node-response.ts'

/** Options of {@link expressGuard}. */
export interface ExpressGuardOptions<Definition extends CommandDefinition = CommandDefinition>
  extends Pick<HandlerOptions, 'bind' | 'bodyBytes' | 'headerCharacters' | 'onError' | 'otherBearerTokens'> {
  /** The command of this route, which is one of the guard. A call of another command is refused. */
  readonly command: Definition
}

/** The part of Node's `ServerResponse` that is used beside {@link NodeOutgoing}. */
export interface GuardedOutgoing extends NodeOutgoing {
  getHeader(name: string): unknown
  removeHeader(name: string): unknown
  appendHeader(name: string, value: string | readonly string[]): unknown
  writeHead(...head: never[]): unknown
}

/** Has the call of a request that was passed on. */
const callKey: unique symbol = Symbol('procura.call')

/**
 * Puts a guard before a handler of Express, Connect or `node:http` that exists: `app.post('/mail', expressGuard(guard,
 * { command: send }), handler)`. The handler runs if the call is allowed, and takes its arguments and its `fetch` from
 * `callOf(request, send)`. HTP-60
 *
 * - A denial is answered, and the handler does not run.
 * - The outcome is recorded when the response has ended: `error` for a status from 500 on, and `unknown` if the client
 *   left before.
 * - `Cache-Control` of the response is private: a shared cache would serve it without a call.
 * - With `bind`, a body has to be read by `express.raw` before.
 *
 * @throws ArgumentError when an option is invalid, or the guard does not know the command.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { callOf, expressGuard } from 'procura/http/express'
 *
 * const app = express()
 * app.post('/mail', expressGuard(guard, { command: send }), async (request, response) => {
 *   const { args, fetch } = callOf(request, send)
 *   const sent = await fetch(`https://api.example.com/mail/${args.to}`, { method: 'POST' })
 *   response.json({ status: sent.status })
 * })
 * ```
 */
export function expressGuard<Definition extends CommandDefinition>(
  guard: Pick<Guard, 'commands' | 'use'>,
  options: ExpressGuardOptions<Definition>,
): (request: NodeIncoming, response: GuardedOutgoing, next: () => void) => Promise<void> {
  readOptions('expressGuard', { guard }, { guard: withMethod('use') })
  const checked = readHandlerOptions(
    'expressGuard',
    takerOf(guard, async () => undefined),
    options,
  )
  if (typeof Object(Object(options).command).command !== 'string')
    throw new ArgumentError('expressGuard: `command` must be a command definition')

  return async (request, response, next) => {
    const client = followClient(request.socket, response)
    let isPassedOn = false
    const taker = takerOf(guard, async (call) => {
      Object.defineProperty(request, callKey, { value: call, configurable: true })
      isPassedOn = true
      markHead(response)
      const ended = endOf(response, client.signal)
      // The guard may have stopped waiting for it.
      ended.catch(() => undefined)
      next()
      await ended
    })
    const answer = await answerRequest(taker, incomingOf(request, client.signal), checked)
    // A handler that exceeds the deadline of the guard has not answered.
    if (!isPassedOn || !response.headersSent) await sendAnswer(answer, request, response, client.signal)
    client.leave()
  }
}

/**
 * The call of a request that {@link expressGuard} has let through.
 *
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
      `callOf: no call came with this request; put expressGuard(guard, { command }) of ${name} before the handler`,
    )
  if (call.command !== Object(command).command)
    throw new ArgumentError(`callOf: the call of this request is of ${quote(call.command, 64)}, and not of ${name}`)
  return call
}

/** A handler has answered with a status that is a failure. The client has the answer. */
class FailedResponse extends Error {
  readonly code: string

  constructor(status: number) {
    super(`the handler answered with the status ${status}`)
    this.code = `HTTP_${status}`
  }
}

function takerOf(guard: Pick<Guard, 'commands' | 'use'>, passOn: (call: GuardedCall) => Promise<void>): CallTaker {
  return {
    commands: guard.commands,
    takesRevocations: false,
    async call(container, { request: _, ...call } = {}) {
      try {
        return await guard.use(container, passOn, call)
      } catch (error) {
        // It is recorded, and the framework has reported its cause.
        if (error instanceof FailedResponse) return { allowed: true } as never
        throw error
      }
    },
    revoke: () => Promise.reject(new ArgumentError('expressGuard takes no revocations')),
  }
}

/** Resolves when the response was sent; rejects when it is a failure, or when the client has left. */
function endOf(response: GuardedOutgoing, gone: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    response.once('finish', () => {
      if (response.statusCode >= 500) reject(new FailedResponse(response.statusCode))
      else resolve()
    })
    gone.addEventListener('abort', () => reject(gone.reason))
    if (gone.aborted) reject(gone.reason)
  })
}

/** Marks a response that a handler writes by itself, and keeps it from shared caches, when its head is sent. */
function markHead(response: GuardedOutgoing): void {
  const writeHead = response.writeHead as (...head: unknown[]) => unknown
  Object.assign(response, {
    writeHead(status: number, ...rest: unknown[]) {
      const given = rest.at(-1)
      // Headers that come with the head replace those that were set before. A list has a name for each of its values.
      const own = typeof given === 'object' && given !== null ? headersIn(given) : []
      for (const [name] of own) response.removeHeader(name)
      for (const [name, value] of own) response.appendHeader(name, value)
      response.setHeader(answerHeader, status >= 500 ? 'failed' : 'executed')
      const cached = response.getHeader('cache-control')
      response.setHeader('cache-control', cached === undefined ? 'no-store' : privately(String(cached)))
      const message = typeof rest[0] === 'string' ? [rest[0]] : []
      return writeHead.call(response, status, ...message)
    },
  })
}

type Values = string | readonly string[]

/** The headers of `writeHead`: an object, a flat list of names and values, or a list of pairs. */
function headersIn(given: object): readonly (readonly [string, Values])[] {
  if (!Array.isArray(given)) return Object.entries(given)
  if (Array.isArray(given[0])) return given
  return given.flatMap((name, at) => (at % 2 === 0 ? [[name, given[at + 1]] as const] : []))
}
