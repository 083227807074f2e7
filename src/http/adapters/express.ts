import { type CallTaker, type HandlerOptions, readHandlerOptions } from './answer.ts'
import { type NodeIncoming, type NodeOutgoing, respond } from './node-response.ts'

/**
 * Serves calls in Express 5: `app.post('/mail', expressHandler(service, { command: send }))`. A body that `express.raw`
 * or `express.text` has read is taken from `req.body`.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import express from 'express'
 * import { expressHandler } from 'procura/http/express'
 *
 * const app = express()
 * app.post('/mail', expressHandler(mailService, { command: send }))
 * ```
 */
export function expressHandler(
  service: CallTaker,
  options: HandlerOptions = {},
): (request: NodeIncoming, response: NodeOutgoing) => Promise<void> {
  const checked = readHandlerOptions('expressHandler', service, options)
  return (request, response) => respond(service, request, response, checked)
}
