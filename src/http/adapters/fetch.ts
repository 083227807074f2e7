import type { CommandDefinition } from '../../core/capability/definition.ts'
import { callback, readOptions } from '../../support/options.ts'
import { bodyReadBefore } from '../read-container.ts'
import { answerRequest, type CallTaker, type HandlerOptions, type Incoming, readHandlerOptions } from './answer.ts'
import type { Answer } from './answer-response.ts'
import { hostOf } from './node-response.ts'
import { guardTaker, putCall, type RouteGuard, type RouteGuardOptions, readRouteGuard } from './route-guard.ts'

/**
 * Serves calls where a server is a function from a `Request` to a `Response`: Deno, Bun, Cloudflare Workers, Next.js,
 * SvelteKit, and Node by an adapter.
 *
 * @returns a function that never rejects.
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { fetchHandler } from 'procura/http/fetch'
 *
 * const fetch = fetchHandler(mailService, { command: send })
 * console.log((await fetch(request)).status)
 * ```
 */
export function fetchHandler(
  service: CallTaker,
  options: HandlerOptions = {},
): (request: Request) => Promise<Response> {
  const checked = readHandlerOptions('fetchHandler', service, options)
  return async (request) => {
    return responseOf(await answerRequest(service, incomingOfWeb(request), checked))
  }
}

/**
 * Puts a guard before a handler that exists, where a server is a function from a `Request` to a `Response`. A route
 * handler of Next.js is `export const POST = fetchGuard(guard, { command: send }, handler)`. The handler runs if the
 * call is allowed, and takes its arguments and its `fetch` from `callOf(request, send)`. HTP-61
 *
 * @param handler - gets the request, and whatever else the framework passes. With `bind`, a request whose body was read
 *   for the decision is a new `Request` with the same body, without the methods of a framework.
 * @returns a function that never rejects.
 * @throws ArgumentError when an option is invalid, or the guard does not know the command.
 *
 * @example
 * ```ts
 * import { callOf, fetchGuard } from 'procura/http/fetch'
 *
 * const handle = fetchGuard(guard, { command: send }, async (request) => {
 *   const { args, fetch } = callOf(request, send)
 *   return await fetch(`https://api.example.com/mail/${args.to}`, { method: 'POST' })
 * })
 * console.log((await handle(request)).status)
 * ```
 */
export function fetchGuard<
  Definition extends CommandDefinition,
  Given extends Request = Request,
  Rest extends readonly unknown[] = [],
>(
  guard: RouteGuard,
  options: RouteGuardOptions<Definition>,
  handler: (request: Given, ...rest: Rest) => Promise<Response> | Response,
): (request: Given, ...rest: Rest) => Promise<Response> {
  const checked = readRouteGuard('fetchGuard', guard, options)
  readOptions('fetchGuard', { handler }, { handler: callback })
  return async (request, ...rest) => {
    const taker = guardTaker(guard, async (call, passed) => {
      const given = passed() as Given
      putCall(given, call)
      return await handler(given, ...rest)
    })
    return responseOf(await answerRequest(taker, incomingOfWeb(request), checked))
  }
}

/**
 * A request of the platform, for the core.
 *
 * @param parsed - a body that a framework has read.
 * @param sent - the headers, path and query as the client sent them, where the platform knows them.
 */
export function incomingOfWeb(
  request: Request,
  parsed?: unknown,
  sent?: { readonly url: string; readonly rawHeaders: readonly string[] },
): Incoming {
  const { headers, method, signal, url } = request
  const target = targetOf(new URL(url))
  // The platform has parsed the URL. A host or path that the client sent in another form matches no call.
  const isSame = sent === undefined || (URL.canParse(sent.url, url) && targetOf(new URL(sent.url, url)) === sent.url)
  const given = headers.get('host')
  return {
    ...{ source: request, parsed, signal, method },
    host: sent === undefined ? hostIn(given, url) : hostOf(sent),
    target: isSame ? target : sent.url,
    request(read) {
      const body = read ?? bodyReadBefore(request, parsed)
      // Its own methods report that the body of a used request is gone.
      if (body === undefined || body === 'lost' || method === 'GET' || method === 'HEAD') return request
      return new Request(url, { method, headers: request.headers, body: Uint8Array.from(body), signal })
    },
  }
}

function hostIn(given: string | null, url: string): string | undefined {
  return given === null ? new URL(url).host : given.includes(',') ? undefined : given
}

function targetOf({ pathname, search }: URL): string {
  return `${pathname}${search}`
}

/** The answer as a response of the platform. */
export function responseOf({ status, headers, body }: Answer): Response {
  const sent = new Headers()
  for (const [name, value] of headers) sent.append(name, value)
  return new Response(body, { status, headers: sent })
}
