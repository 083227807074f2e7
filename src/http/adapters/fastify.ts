import type { CommandDefinition } from '../../core/capability/definition.ts'
import { ArgumentError } from '../../errors.ts'
import { mediaType } from '../read-container.ts'
import { answerRequest, type CallTaker, type HandlerOptions, readHandlerOptions, report } from './answer.ts'
import type { Answer } from './answer-response.ts'
import { answeredAlready, type GuardedOutgoing, passOn } from './express-guard.ts'
import { followClient } from './follow-client.ts'
import { breakOff, endAfterPart, grouped, incomingOf, type NodeIncoming, type NodeOutgoing } from './node-response.ts'
import { guardTaker, putCall, type RouteGuard, type RouteGuardOptions, readRouteGuard } from './route-guard.ts'
import { watchedBody } from './watched-body.ts'

/** The part of Fastify's request that is used. */
export interface FastifyRequestLike {
  readonly raw: NodeIncoming
  readonly body?: unknown
  /** The instance of the route. */
  readonly server?: { hasContentTypeParser(type: string): boolean }
}

/** The part of Fastify's reply that is used. */
export interface FastifyReplyLike {
  readonly raw: Pick<
    NodeOutgoing,
    | 'destroy'
    | 'destroyed'
    | 'off'
    | 'once'
    | 'shouldKeepAlive'
    | 'socket'
    | 'stream'
    | 'writableEnded'
    | 'writableFinished'
  >
  code(status: number): unknown
  header(name: string, value: unknown): unknown
  send(body?: unknown): unknown
}

/** The part of Fastify's instance that is used. */
export interface FastifyLike {
  addContentTypeParser(
    type: string,
    parser: (request: unknown, payload: unknown, done: (error: null, body?: undefined) => void) => void,
  ): unknown
  removeAllContentTypeParsers(): unknown
}

/**
 * Serves calls in Fastify 5: `app.post('/mail', fastifyHandler(service, { command: send }))`. For containers in bodies,
 * register {@link containerBodies} before.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import Fastify from 'fastify'
 * import { containerBodies, fastifyHandler } from 'procura/http/fastify'
 *
 * const app = Fastify()
 * app.register(containerBodies)
 * app.post('/mail', fastifyHandler(mailService, { command: send }))
 * ```
 */
export function fastifyHandler(
  service: CallTaker,
  options: HandlerOptions = {},
): (request: FastifyRequestLike, reply: FastifyReplyLike) => Promise<unknown> {
  const checked = readHandlerOptions('fastifyHandler', service, options)
  let isChecked = false
  return async (request, reply) => {
    const { signal } = followClient(request.raw.socket, reply.raw)
    if (!isChecked && request.raw.method === 'POST') {
      isChecked = true
      if (request.server?.hasContentTypeParser(mediaType) === false)
        report(new ArgumentError(noParser), signal, checked.onError)
    }
    const incoming = incomingOf(request.raw, signal, request.body)
    return sendReply(await answerRequest(service, incoming, checked), request, reply, signal)
  }
}

/** The part of Fastify's reply that is used by {@link fastifyGuard}. */
export interface GuardedFastifyReply extends FastifyReplyLike {
  readonly raw: FastifyReplyLike['raw'] & GuardedOutgoing
  readonly sent: boolean
}

/**
 * Puts a guard before a handler of Fastify 5 that exists, as a hook of the route: `app.post('/mail', { preHandler:
 * fastifyGuard(guard, { command: send }) }, handler)`. The handler runs if the call is allowed, and takes its arguments
 * and its `fetch` from `callOf(request, send)`. The outcome is recorded as in `expressGuard`. With `bind`, a parser
 * with `parseAs: 'buffer'` has to read the body before. HTP-62
 *
 * @throws ArgumentError when an option is invalid, or the guard does not know the command.
 *
 * @example
 * ```ts
 * import Fastify from 'fastify'
 * import { callOf, fastifyGuard } from 'procura/http/fastify'
 *
 * const app = Fastify()
 * app.post('/mail', { preHandler: fastifyGuard(guard, { command: send }) }, async (request) => {
 *   const { args, fetch } = callOf(request, send)
 *   return (await fetch(`https://api.example.com/mail/${args.to}`, { method: 'POST' })).json()
 * })
 * ```
 */
export function fastifyGuard<Definition extends CommandDefinition>(
  guard: RouteGuard,
  options: RouteGuardOptions<Definition>,
): (request: FastifyRequestLike, reply: GuardedFastifyReply) => Promise<unknown> {
  const checked = readRouteGuard('fastifyGuard', guard, options)
  return async (request, reply) => {
    const client = followClient(request.raw.socket, reply.raw)
    let passed: () => void
    const passing = new Promise<void>((resolve) => {
      passed = resolve
    })
    const taker = guardTaker(
      guard,
      async (call) => {
        putCall(request, call)
        await passOn(reply.raw, client.signal, passed)
      },
      answeredAlready,
    )
    const answering = async (): Promise<FastifyReplyLike> => {
      const answer = await answerRequest(taker, incomingOf(request.raw, client.signal, request.body), checked)
      // A handler that exceeds the deadline of the guard has not answered.
      if (!reply.sent) sendReply(answer, request, reply, client.signal)
      client.leave()
      return reply
    }
    return await Promise.race([passing, answering()])
  }
}

/** Fastify sends the result of a promise, unless it is the reply: a stream that has not begun would be replaced. */
function sendReply(
  { status, headers, body }: Answer,
  request: FastifyRequestLike,
  reply: FastifyReplyLike,
  signal: AbortSignal,
): FastifyReplyLike {
  endAfterPart(request.raw, reply.raw)
  reply.code(status)
  for (const [name, value] of grouped(headers)) reply.header(name, value)
  // Bytes: Fastify would add a charset to the type of a string.
  const parts = body === null || typeof body === 'string' ? body : followed(body, reply.raw, signal)
  reply.send(typeof parts === 'string' ? new TextEncoder().encode(parts) : (parts ?? undefined))
  return reply
}

/** Calls in a header work without a parser, and would hide that it is missing. */
const noParser =
  'Fastify has no parser for containers, and unless it has one for every type, it refuses a call that is too long for a header with 415; call `app.register(containerBodies)` before the routes'

/**
 * The body, which is cancelled when the client is gone. Fastify does not cancel the body of a response that waits for
 * others of its connection. It destroys the stream of HTTP/2 when a body fails, which a client takes for the end of the
 * body.
 */
function followed(
  body: ReadableStream<Uint8Array>,
  response: FastifyReplyLike['raw'],
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  // Before the first byte, Fastify would answer with the message of the error.
  return watchedBody(body, () => breakOff(response), signal)
}

/**
 * A plugin that leaves bodies of the type `application/x-ucan-container` unread, for {@link fastifyHandler}. Without
 * it, Fastify refuses them with 415, and `onError` receives an ArgumentError at the first POST of a route.
 */
export function containerBodies(instance: FastifyLike, _options: unknown, done: () => void): void {
  // The core of the adapters reads it.
  instance.addContentTypeParser(mediaType, (_request, _payload, leave) => leave(null))
  done()
}

/**
 * A plugin that leaves all bodies unread, for routes with `bind`, where the adapter reads the bytes of each body.
 * Register it in a scope of its own, since other routes of that scope get no body.
 */
export function unreadBodies(instance: FastifyLike, _options: unknown, done: () => void): void {
  instance.removeAllContentTypeParsers()
  for (const type of [mediaType, '*']) instance.addContentTypeParser(type, (_request, _payload, leave) => leave(null))
  done()
}

// Fastify then adds the parsers to the instance on which the plugin is registered, and not to a child of it.
for (const plugin of [containerBodies, unreadBodies]) {
  Object.defineProperty(plugin, Symbol.for('skip-override'), { value: true })
}
