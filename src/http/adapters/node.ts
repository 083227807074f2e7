import { type CallTaker, type HandlerOptions, readHandlerOptions } from './answer.ts'
import { type NodeIncoming, type NodeOutgoing, respond } from './node-response.ts'

/**
 * Serves calls in `node:http`, or in a framework that passes the requests of Node.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { nodeHandler } from 'procura/http/node'
 *
 * createServer(nodeHandler(mailService)).listen(8080)
 * ```
 */
export function nodeHandler(
  service: CallTaker,
  options: HandlerOptions = {},
): (request: NodeIncoming, response: NodeOutgoing) => Promise<void> {
  const checked = readHandlerOptions('nodeHandler', service, options)
  return (request, response) => respond(service, request, response, checked)
}
