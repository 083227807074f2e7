import { answerRequest, type CallTaker, type HandlerOptions, readHandlerOptions } from './answer.ts'
import { incomingOfWeb, responseOf } from './fetch.ts'

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
  return async ({ env, req }) => {
    const { raw } = req
    const { url, rawHeaders } = Object(Object(env).incoming) as {
      readonly url?: unknown
      readonly rawHeaders?: unknown
    }
    // The URL of the request has the host of `:authority`, and its headers may have another `Host`.
    const sent = typeof url === 'string' && Array.isArray(rawHeaders) ? { url, rawHeaders } : undefined
    const parsed = raw.bodyUsed ? await bytesOf(req) : undefined
    return responseOf(await answerRequest(service, incomingOfWeb(raw, parsed, sent), checked))
  }
}

/** Hono keeps a body that was read by its own methods, and rejects for others. */
async function bytesOf(request: HonoContext['req']): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await request.arrayBuffer())
  } catch {
    return undefined
  }
}
