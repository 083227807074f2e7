import { bodyReadBefore } from '../read-container.ts'
import { answerRequest, type CallTaker, type HandlerOptions, type Incoming, readHandlerOptions } from './answer.ts'
import type { Answer } from './answer-response.ts'
import { hostOf } from './node-response.ts'

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
