/**
 * Guards the tools of an MCP server. All knowledge of the two SDKs is in this file.
 *
 * @module
 */

import { ArgumentError } from '../errors.ts'
import type { GuardedCall } from '../guard/call.ts'
import type { Guard } from '../guard/guard.ts'
import { type OptionCheck, readOptions, withMethod } from '../support/options.ts'
import { withoutKey } from './meta-key.ts'
import type { ToolRequest } from './read-call.ts'
import { type RequestSurroundings, withCall } from './tool-call.ts'
import { createToolGate, type ToolGateOptions, toolGateChecks } from './tool-gate.ts'

/** `McpServer` or `Server` of `@modelcontextprotocol/sdk` 1 or of `@modelcontextprotocol/server` 2. */
export type GuardableServer = { readonly server: object } | { setRequestHandler: unknown }

/** Options of {@link guardTools}. */
export interface GuardToolsOptions extends ToolGateOptions {}

type RequestHandler = (request: ToolRequest, surroundings: RequestSurroundings) => unknown

/**
 * Guards every tool of a server: those that are registered already, and those that are registered later. A call must
 * carry a container in `_meta` (`withInvocation` adds it). The guard decides and records; the tool runs only if the
 * call is allowed. A refusal is a result with `isError`. Resources and prompts are not guarded.
 *
 * @throws ArgumentError when an option is invalid, the guard does not have the command of a tool, the server is not of
 *   a known SDK, or it is guarded already.
 *
 * @example
 * ```ts
 * import { guardTools } from 'procura/mcp'
 *
 * guardTools(mcpServer, guard, { tools: { send_mail: send } })
 * ```
 */
export function guardTools(
  server: GuardableServer,
  guard: Pick<Guard, 'open' | 'use'> & Partial<Pick<Guard, 'commands'>>,
  options: GuardToolsOptions,
): void {
  readOptions('guardTools', { guard }, { guard: guardCheck })
  const given = readOptions<GuardToolsOptions, typeof toolGateChecks>('guardTools', options, toolGateChecks)
  guardRequests('guardTools', server, guard, given)
}

const guardCheck: OptionCheck = (value) =>
  Array.isArray(Object(value).handlers)
    ? 'must be a guard; pass `service.guard`, or use serveTools'
    : withMethod('use')(value)

/** The tools of a service, which runs them itself: for a server whose SDK has no tools. */
export interface OwnTools {
  call(request: ToolRequest, call: GuardedCall): Promise<unknown>
  list(): unknown
}

/**
 * Guards the requests for tools.
 *
 * @param own - answers them in the place of the handlers of the SDK.
 */
export function guardRequests(
  caller: string,
  server: GuardableServer,
  guard: Pick<Guard, 'open' | 'use'> & Partial<Pick<Guard, 'commands'>>,
  given: ToolGateOptions & { readonly key: string },
  own?: OwnTools,
): void {
  const low = lowLevelOf(server)
  const handlers = low._requestHandlers
  if (!(handlers instanceof Map)) {
    throw new ArgumentError(
      `${caller}: \`server\` must be a server of @modelcontextprotocol/sdk 1 or @modelcontextprotocol/server 2`,
    )
  }
  if (Object.hasOwn(handlers, 'get')) throw new ArgumentError(`${caller}: \`server\` is guarded already`)
  if (own !== undefined && low.transport !== undefined)
    throw new ArgumentError(`${caller}: \`server\` is connected already; call ${caller} before \`server.connect\``)
  if (own !== undefined) low.registerCapabilities?.({ tools: {} })
  const stored = (method: string): RequestHandler | undefined => Map.prototype.get.call(handlers, method)
  // MCP-03: an SDK finds the handler of each request here, so that it does not matter when the tool was registered.
  const inner = (method: string): RequestHandler => stored(method) ?? low.fallbackRequestHandler ?? notFound
  const { key } = given
  const gate = createToolGate<RequestSurroundings>(
    caller,
    guard,
    {
      call: (request, surroundings, call) =>
        own?.call(request, call) ?? inner('tools/call')(request, withCall(withoutContainer(surroundings, key), call)),
      list: (request, surroundings) => own?.list() ?? inner('tools/list')(request, withoutContainer(surroundings, key)),
      signalOf,
    },
    given,
  )
  const guarded = new Map<unknown, RequestHandler>([
    ['tools/call', gate.call],
    ['tools/list', gate.list],
  ])
  Object.defineProperty(handlers, 'get', { value: (method: string) => guarded.get(method) ?? stored(method) })
}

interface LowLevelServer {
  readonly _requestHandlers?: unknown
  readonly fallbackRequestHandler?: RequestHandler
  /** Of a server that is connected. */
  readonly transport?: unknown
  registerCapabilities?(capabilities: object): void
}

function lowLevelOf(server: unknown): LowLevelServer {
  const { server: low } = Object(server) as { readonly server?: unknown }
  return Object(low ?? server) as LowLevelServer
}

/** As JSON-RPC reports a method that a server does not have. */
const notFound: RequestHandler = () => {
  throw Object.assign(new Error('Method not found'), { code: -32_601 })
}

/**
 * Removes the container from each context that a tool sees: `_meta` is at `extra._meta` in the SDK 1, and at
 * `ctx.mcpReq._meta` in the SDK 2.
 */
function withoutContainer(surroundings: RequestSurroundings, key: string): RequestSurroundings {
  const { _meta, mcpReq } = surroundings
  const request = mcpReq as { readonly _meta?: unknown } | undefined
  return {
    ...surroundings,
    ...(_meta !== undefined && { _meta: withoutKey(_meta, key) }),
    ...(request !== undefined && { mcpReq: { ...request, _meta: withoutKey(request._meta, key) } }),
  }
}

function signalOf({ signal, mcpReq }: RequestSurroundings): AbortSignal | undefined {
  const found = signal ?? (mcpReq as { readonly signal?: unknown } | undefined)?.signal
  return found instanceof AbortSignal ? found : undefined
}
