/**
 * A `fetch` for clients that exist: it signs each request.
 *
 * @module
 */

import type { CommandDefinition } from '../core/capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import { bindRequest, type RequestParts } from '../http/binding/request-arguments.ts'
import { createCallSender } from '../http/call-sender.ts'
import { denialResponse } from '../http/denial-response.ts'
import { anything, maybe, nonEmptyArrayOf, type OptionChecks, readOptions, withMethod } from '../support/options.ts'
import { quote } from '../support/quote.ts'
import type { Agent, AgentRequest } from './agent.ts'
import { refuseOtherAgent } from './refuse-other-agent.ts'

/** Options of {@link agentFetch}. */
export interface AgentFetchOptions extends Pick<AgentRequest, 'audience' | 'expiresIn' | 'subject'> {
  /** The command of the service, whose arguments are those of `requestArguments` (`procura/http/binding`). */
  readonly command: string | CommandDefinition<RequestParts>
  /** The origins of the service, such as `https://api.example.com`. A request to another one is an error. */
  readonly origins: readonly string[]
  /** Sends the signed requests. Default: `createCallSender()` of `procura/http`. */
  readonly sender?: Pick<ReturnType<typeof createCallSender>, 'send'>
}

/**
 * Makes a `fetch` that signs a call for each request, for a service behind `proxyTo`, forward authentication or
 * `bindToRequest`. A client that takes a `fetch` works with it unchanged. AGT-44
 *
 * - The `Authorization` of the request is replaced by the call.
 * - A refusal by the agent itself is the response that the service would give (`denialResponse`), and nothing is sent.
 * - The body of a request is read for its digest; the body of a response streams.
 * - Redirects are an error of `fetch`, because a call is for one URL.
 *
 * @throws ArgumentError when an option is invalid. The `fetch` rejects with one for another origin, for a URL that is
 *   not in canonical form, and where `agent.authorize` throws one; and with the errors of the platform's `fetch`.
 *
 * @example
 * ```ts
 * import { agentFetch, openAgent } from 'procura/agent'
 *
 * const assistant = await openAgent({ signer: agent })
 * const origin = 'https://api.example.com'
 * const request = agentFetch(assistant, { command: '/http/request', origins: [origin], audience: service.did })
 * console.log((await request(`${origin}/reports/may`)).status)
 * ```
 */
export function agentFetch(
  agent: Pick<Agent, 'authorize'>,
  options: AgentFetchOptions,
): (input: string | URL | Request, init?: RequestInit) => Promise<Response> {
  refuseOtherAgent('agentFetch', agent, 'authorize')
  const { origins, sender = createCallSender(), ...call } = readOptions('agentFetch', options, checks)
  const known = new Set(origins.map(originOf))

  return async (input, init) => {
    // The platform takes the input and the options together, as its own `fetch` does.
    const request = new Request(input, init)
    const { method, headers, signal } = request
    const url = new URL(request.url)
    // It is not sent.
    url.hash = ''
    if (!known.has(url.origin))
      throw new ArgumentError(
        `agentFetch: ${quote(url.origin)} is not among the \`origins\`; use another fetch for it, or add it`,
      )
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer())
    const bound = body === undefined || body.length === 0 ? {} : { body }
    const parts = await bindRequest({ url, method, ...bound })
    const decision = await agent.authorize({ ...call, args: { ...parts }, signal })
    if (!decision.ok) {
      const { status, headers, body } = denialResponse(decision.denial)
      return new Response(body, { status, headers })
    }
    return sender.send(url, decision.invocation, decision.proofs, { method, headers, ...bound, signal })
  }
}

function originOf(text: string): string {
  if (URL.canParse(text) && new URL(text).origin === text) return text
  throw new ArgumentError(
    `agentFetch: \`origins\` must have origins such as https://api.example.com, without a path, not ${quote(text)}`,
  )
}

const checks: OptionChecks<AgentFetchOptions> = Object.freeze({
  command: anything,
  origins: nonEmptyArrayOf((origin) => (typeof origin === 'string' ? undefined : 'must be a string')),
  audience: maybe(anything),
  expiresIn: maybe(anything),
  subject: maybe(anything),
  sender: maybe(withMethod('send')),
})
