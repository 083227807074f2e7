/**
 * A guard before a handler that exists.
 *
 * @module
 */

import type { CommandDefinition } from '../../core/capability/definition.ts'
import { answerHeader } from '../../support/answer-mark.ts'
import { privately } from '../../support/unshared.ts'
import { answerRequest } from './answer.ts'
import { followClient } from './follow-client.ts'
import { incomingOf, type NodeIncoming, type NodeOutgoing, sendAnswer } from './node-response.ts'
import { guardTaker, putCall, type RouteGuard, type RouteGuardOptions, readRouteGuard } from './route-guard.ts'

/** The part of Node's `ServerResponse` that is used beside {@link NodeOutgoing}. */
export interface GuardedOutgoing extends NodeOutgoing {
  getHeader(name: string): unknown
  removeHeader(name: string): unknown
  appendHeader(name: string, value: string | readonly string[]): unknown
  writeHead(...head: never[]): unknown
}

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
  guard: RouteGuard,
  options: RouteGuardOptions<Definition>,
): (request: NodeIncoming, response: GuardedOutgoing, next: () => void) => Promise<void> {
  const checked = readRouteGuard('expressGuard', guard, options)
  return async (request, response, next) => {
    const client = followClient(request.socket, response)
    let isPassedOn = false
    const taker = guardTaker(
      guard,
      async (call) => {
        putCall(request, call)
        isPassedOn = true
        await passOn(response, client.signal, next)
      },
      answeredAlready,
    )
    const answer = await answerRequest(taker, incomingOf(request, client.signal), checked)
    // A handler that exceeds the deadline of the guard has not answered.
    if (!isPassedOn || !response.headersSent) await sendAnswer(answer, request, response, client.signal)
    client.leave()
  }
}

/** Has a handler write the response, until its end. Rejects when it is a failure, or when the client has left. */
export async function passOn(response: GuardedOutgoing, gone: AbortSignal, next: () => void): Promise<void> {
  markHead(response)
  const ended = endOf(response, gone)
  // The guard may have stopped waiting for it.
  ended.catch(() => undefined)
  next()
  await ended
}

/** A failure that the client knows from the response: the framework has reported its cause. */
export function answeredAlready(error: unknown): { readonly value: unknown } | undefined {
  return error instanceof FailedResponse ? { value: undefined } : undefined
}

/** A handler has answered with a status that is a failure. The client has the answer. */
class FailedResponse extends Error {
  readonly code: string

  constructor(status: number) {
    super(`the handler answered with the status ${status}`)
    this.code = `HTTP_${status}`
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
