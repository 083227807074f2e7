import type { CommandDefinition } from '../../core/capability/definition.ts'
import { answerHeader } from '../../support/answer-mark.ts'
import { answerRequest, type CallTaker, type HandlerOptions, type Incoming, readHandlerOptions } from './answer.ts'
import { incomingOfWeb, responseOf } from './fetch.ts'
import { guardTaker, putCall, type RouteGuard, type RouteGuardOptions, readRouteGuard } from './route-guard.ts'

/** The part of Hono's context that is used. */
export interface HonoContext {
  /** In Node it has the request of Node, as `incoming`. */
  readonly env?: unknown
  readonly req: {
    readonly raw: Request
    arrayBuffer(): Promise<ArrayBuffer>
  }
}

/**
 * Serves calls in Hono: `app.post('/mail', honoHandler(service, { command: send }))`. A body that another middleware
 * has read is taken from Hono.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { honoHandler } from 'procura/http/hono'
 *
 * const app = new Hono()
 * app.post('/mail', honoHandler(mailService, { command: send }))
 * ```
 */
export function honoHandler(
  service: CallTaker,
  options: HandlerOptions = {},
): (context: HonoContext) => Promise<Response> {
  const checked = readHandlerOptions('honoHandler', service, options)
  return async (context) => responseOf(await answerRequest(service, await incomingOfHono(context), checked))
}

/** The part of Hono's context that is used by {@link honoGuard}. */
export interface GuardedHonoContext extends HonoContext {
  readonly req: HonoContext['req'] & { raw: Request }
  /** The error that a handler threw. */
  readonly error: Error | undefined
  get res(): Response
  set res(response: Response | undefined)
}

/**
 * Puts a guard before a handler of Hono that exists: `app.post('/mail', honoGuard(guard, { command: send }), handler)`.
 * The handler runs if the call is allowed, and takes its arguments and its `fetch` from `callOf(context, send)`, as in
 * `fetchGuard`.
 *
 * @throws ArgumentError when an option is invalid, or the guard does not know the command.
 *
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { callOf, honoGuard } from 'procura/http/hono'
 *
 * const app = new Hono()
 * app.post('/mail', honoGuard(guard, { command: send }), async (context) => {
 *   const { args, fetch } = callOf(context, send)
 *   return await fetch(`https://api.example.com/mail/${args.to}`, { method: 'POST' })
 * })
 * ```
 */
export function honoGuard<Definition extends CommandDefinition>(
  guard: RouteGuard,
  options: RouteGuardOptions<Definition>,
): (context: GuardedHonoContext, next: () => Promise<void>) => Promise<Response> {
  const checked = readRouteGuard('honoGuard', guard, options)
  return async (context, next) => {
    let isPassedOn = false
    let isAnswered = false
    const taker = guardTaker(
      guard,
      async (call, passed) => {
        putCall(context, call)
        isPassedOn = true
        // The body may have been read for the decision.
        context.req.raw = passed()
        await next()
        if (context.error !== undefined) throw context.error
        return context.res
      },
      (error) => {
        isAnswered = isPassedOn && error === context.error
        // The application has made a response of the error.
        return isAnswered ? { value: context.res } : undefined
      },
    )
    const response = responseOf(await answerRequest(taker, await incomingOfHono(context), checked))
    if (isAnswered) response.headers.set(answerHeader, 'failed')
    // Hono would merge the headers of the response that is replaced.
    if (isPassedOn) context.res = undefined
    context.res = response
    return response
  }
}

async function incomingOfHono({ env, req }: HonoContext): Promise<Incoming> {
  const { raw } = req
  const { url, rawHeaders } = Object(Object(env).incoming) as {
    readonly url?: unknown
    readonly rawHeaders?: unknown
  }
  // The URL of the request has the host of `:authority`, and its headers may have another `Host`.
  const sent = typeof url === 'string' && Array.isArray(rawHeaders) ? { url, rawHeaders } : undefined
  const parsed = raw.bodyUsed ? await bytesOf(req) : undefined
  return incomingOfWeb(raw, parsed, sent)
}

/** Hono keeps a body that was read by its own methods, and rejects for others. */
async function bytesOf(request: HonoContext['req']): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await request.arrayBuffer())
  } catch {
    return undefined
  }
}
