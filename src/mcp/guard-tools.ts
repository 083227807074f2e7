/**
 * Guards the tools of an MCP server. All knowledge of the two SDKs is in this file.
 *
 * @module
 */

import type { CommandDefinition } from '../capability/definition.ts'
import { encodeContainer } from '../container/container.ts'
import { ArgumentError } from '../errors.ts'
import type { GuardedCall } from '../guard/call.ts'
import type { Guard } from '../guard/guard.ts'
import type { IpldValue } from '../ipld/value.ts'
import {
  type DefaultCheck,
  maybe,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { defaultMetaKey, metaKeyCheck, withoutKey } from './meta-key.ts'
import {
  type ListedTool,
  type PermittedTools,
  type PermittedToolsOptions,
  permittedTools,
  permittedToolsChecks,
} from './permitted-tools.ts'
import { type RequestSurroundings, withCall } from './tool-call.ts'
import { definitionsOf, type ToolDefinitions, toolDefinitionsCheck } from './tool-commands.ts'
import { denialResult, type ToolDenial, toolDenialOf } from './tool-denial.ts'
import { type ToolPins, toolHash } from './tool-hash.ts'

/** `McpServer` or `Server` of `@modelcontextprotocol/sdk` 1 or of `@modelcontextprotocol/server` 2. */
export type GuardableServer = { readonly server: object } | { setRequestHandler: unknown }

/** Options of {@link guardTools}. */
export interface GuardToolsOptions {
  /** The command of each tool, by its name. The guard has these commands. A tool without one is refused and not listed. */
  readonly tools: ToolDefinitions
  /** The key of `_meta` under which the container travels. Default `xyz.ucan/container`. */
  readonly key?: string
  /** The accepted hash of each tool (`toolHash`), such as a `Map`. A tool with another hash is refused. Default: none is compared. */
  readonly pins?: ToolPins
  /**
   * Lists only the tools that the delegations of the caller permit, and none without delegations. Default: every tool in
   * `tools` is listed.
   */
  readonly listing?: PermittedToolsOptions
}

const checks: OptionChecks<GuardToolsOptions> & { readonly key: DefaultCheck } = Object.freeze({
  tools: toolDefinitionsCheck,
  key: withDefault(metaKeyCheck, defaultMetaKey),
  pins: maybe(withMethod('get')),
  listing: maybe(objectValue),
})

type RequestHandler = (request: ToolRequest, surroundings: RequestSurroundings) => unknown

interface ToolRequest {
  readonly params?: Readonly<Record<string, unknown>>
}

/**
 * Guards every tool of a server: those that are registered already, and those that are registered later. A call must
 * carry a container in `_meta` (`withInvocation` adds it). The guard decides and records; the tool runs only if the call
 * is allowed. A refusal is a result with `isError`. Resources and prompts are not guarded.
 *
 * @throws ArgumentError when an option is invalid, the server is not of a known SDK, or it is guarded already.
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
  guard: Pick<Guard, 'open' | 'use'>,
  options: GuardToolsOptions,
): void {
  readOptions('guardTools', { guard }, { guard: withMethod('use') })
  const given = readOptions('guardTools', options, checks)
  const low = lowLevelOf(server)
  const handlers = low._requestHandlers
  if (!(handlers instanceof Map)) {
    throw new ArgumentError(
      'guardTools: `server` must be a server of @modelcontextprotocol/sdk 1 or @modelcontextprotocol/server 2',
    )
  }
  if (Object.hasOwn(handlers, 'get')) throw new ArgumentError('guardTools: `server` is guarded already')
  const stored = (method: string): RequestHandler | undefined => Map.prototype.get.call(handlers, method)
  // MCP-03: an SDK finds the handler of each request here, so that it does not matter when the tool was registered.
  const inner = (method: string): RequestHandler => stored(method) ?? low.fallbackRequestHandler ?? notFound
  const gate = createGate(guard, inner, {
    ...given,
    definitionOf: definitionsOf(given.tools),
    listing: given.listing && readOptions('guardTools: `listing`', given.listing, permittedToolsChecks),
  })
  const guarded = new Map<unknown, RequestHandler>([
    ['tools/call', gate.call],
    ['tools/list', gate.list],
  ])
  Object.defineProperty(handlers, 'get', { value: (method: string) => guarded.get(method) ?? stored(method) })
}

interface LowLevelServer {
  readonly _requestHandlers?: unknown
  readonly fallbackRequestHandler?: RequestHandler
}

function lowLevelOf(server: unknown): LowLevelServer {
  const { server: low } = Object(server) as { readonly server?: unknown }
  return Object(low ?? server) as LowLevelServer
}

/** As JSON-RPC reports a method that a server does not have. */
const notFound: RequestHandler = () => {
  throw Object.assign(new Error('Method not found'), { code: -32_601 })
}

interface Gate {
  readonly call: RequestHandler
  readonly list: RequestHandler
}

interface GateOptions extends Required<Pick<GuardToolsOptions, 'key'>>, Pick<GuardToolsOptions, 'pins'> {
  readonly definitionOf: (tool: string) => CommandDefinition | undefined
  readonly listing: PermittedToolsOptions | undefined
}

function createGate(
  guard: Pick<Guard, 'open' | 'use'>,
  inner: (method: string) => RequestHandler,
  { definitionOf, key, listing, pins }: GateOptions,
): Gate {
  /** MCP-10: the definition of the tool as the server lists it now. */
  async function isAsPinned(tool: ListedTool): Promise<boolean> {
    return pins === undefined || (await pins.get(tool.name)) === (await toolHash(tool))
  }

  async function listed(request: ToolRequest, surroundings: RequestSurroundings): Promise<ListResult> {
    const { _meta, ...params } = request.params ?? {}
    const clean = { ...request, params: { ...params, _meta: withoutKey(_meta, key) } }
    return (await inner('tools/list')(clean, withoutContainer(surroundings, key))) as ListResult
  }

  async function isChanged(name: string, surroundings: RequestSurroundings): Promise<boolean> {
    if (pins === undefined) return false
    let cursor: unknown
    // A server that pages endlessly would hold the call: the tool then counts as changed.
    for (let page = 0; page < 100; page += 1) {
      const request = { method: 'tools/list', params: cursor === undefined ? {} : { cursor } }
      const { tools, nextCursor } = await listed(request, surroundings)
      const tool = tools.find((one) => one.name === name)
      if (tool !== undefined) return !(await isAsPinned(tool))
      if (nextCursor === undefined) return true
      cursor = nextCursor
    }
    return true
  }

  async function call(request: ToolRequest, surroundings: RequestSurroundings): Promise<unknown> {
    const read = readCall(request, key, definitionOf)
    if ('code' in read) return denialResult(key, read)
    if (await isChanged(read.name, surroundings)) return denialResult(key, changed(read.name))
    const { args, container, definition } = read
    let result: ToolResult = {}
    try {
      const outcome = await guard.use(
        container,
        async (call: GuardedCall) => {
          const clean = {
            ...request,
            params: { ...request.params, arguments: args, _meta: withoutKey(request.params?._meta, key) },
          }
          result = (await inner('tools/call')(clean, withCall(withoutContainer(surroundings, key), call))) as ToolResult
          if (result?.isError === true) throw new ToolFailure()
          return receiptValue(result)
        },
        { command: definition.command, args: expectedArguments(definition, args), signal: signalOf(surroundings) },
      )
      if (!outcome.allowed) return denialResult(key, toolDenialOf(outcome.denial))
      const { receipt } = outcome
      if (receipt === undefined) return result
      return { ...result, _meta: { ...result._meta, [`${key}.receipt`]: encodeContainer([receipt]) } }
    } catch (error) {
      if (error instanceof ToolFailure) return result
      throw error
    }
  }

  async function list(request: ToolRequest, surroundings: RequestSurroundings): Promise<unknown> {
    const result = await listed(request, surroundings)
    const known = result.tools.filter(({ name }) => definitionOf(name) !== undefined)
    const same = await Promise.all(known.map(isAsPinned))
    const offered = known.filter((_, index) => same[index])
    if (listing === undefined) return { ...result, tools: offered }
    const container = containerIn(request, key)
    const permitted: PermittedTools =
      typeof container === 'string'
        ? await permittedTools(offered, { definitionOf, guard, container, options: listing })
        : { tools: [], denial: container ?? missing }
    const { tools, denial } = permitted
    if (denial === undefined) return { ...result, tools }
    return { ...result, tools, _meta: { ...result._meta, [`${key}.denial`]: denial } }
  }

  return { call, list }
}

interface ToolResult {
  readonly isError?: boolean
  readonly content?: unknown
  readonly structuredContent?: unknown
  readonly _meta?: object
}

interface ListResult {
  readonly tools: readonly ListedTool[]
  readonly nextCursor?: unknown
  readonly _meta?: object
}

/** The failure of a tool, so that it is recorded as one. The result is returned as it is. MCP-08 */
class ToolFailure extends Error {
  readonly code = 'tool_failed'
}

/** The value for the receipt: the parts of a result that mean the same in every version of the protocol. */
function receiptValue({ content, structuredContent }: ToolResult): unknown {
  return JSON.parse(JSON.stringify({ content, structuredContent }))
}

interface ReadCall {
  readonly name: string
  readonly definition: CommandDefinition
  readonly container: string
  readonly args: Readonly<Record<string, unknown>>
}

/** MCP-04: each part must be there in the form of the specification; anything else is refused. */
function readCall(
  request: ToolRequest,
  key: string,
  definitionOf: (tool: string) => CommandDefinition | undefined,
): ReadCall | ToolDenial {
  const { name, arguments: given = {}, task } = request.params ?? {}
  if (typeof name !== 'string') return refusal('malformed', 'the request has no name of a tool')
  const definition = definitionOf(name)
  if (definition === undefined)
    return refusal('tool_unknown', `this server offers no guarded tool ${quote(name)}`, 'MCP-04')
  if (task !== undefined)
    return refusal(
      'task_unsupported',
      'a guarded tool cannot run as a task, because its outcome would not be recorded; call it without `task`',
    )
  const container = containerIn(request, key)
  if (container === undefined) return missing
  if (typeof container !== 'string') return container
  const args = copyOf(given)
  if (args === undefined) return refusal('malformed', '`arguments` is not an object of JSON')
  return { name, definition, container, args }
}

function refusal(code: string, message: string, requirement = 'MCP-04'): ToolDenial {
  return { code, message, requirement }
}

const missing: ToolDenial = Object.freeze({
  code: 'container_missing',
  message: 'the request has no signed invocation in `_meta`; the client has to connect with `withInvocation`',
  requirement: 'MCP-04',
})

function changed(name: string): ToolDenial {
  return refusal(
    'tool_changed',
    `the definition of the tool ${quote(name)} is not the one that was accepted; somebody has to review it and accept its new hash`,
    'MCP-10',
  )
}

/** The container of a request; undefined if there is none, and a denial if it is not a string. */
function containerIn({ params }: ToolRequest, key: string): string | ToolDenial | undefined {
  const meta = Object(params?._meta) as Readonly<Record<string, unknown>>
  const container = Object.hasOwn(meta, key) ? meta[key] : undefined
  if (container === undefined || typeof container === 'string') return container
  return refusal('container_unreadable', 'the container in `_meta` is not a string')
}

/** A copy, because a transport in memory passes the objects of the client, which may change. */
function copyOf(given: unknown): Readonly<Record<string, unknown>> | undefined {
  if (objectValue(given) !== undefined) return undefined
  try {
    return structuredClone(given) as Readonly<Record<string, unknown>>
  } catch {
    return undefined
  }
}

/** MCP-11: every declared argument and every argument of the request must be in the signed call with the same value. */
function expectedArguments(
  { args: declared }: CommandDefinition,
  args: Readonly<Record<string, unknown>>,
): { readonly [name: string]: IpldValue | undefined } {
  const expected: Record<string, unknown> = Object.create(null)
  for (const name of Object.keys(declared)) expected[name] = undefined
  for (const [name, value] of Object.entries(args)) expected[name] = value
  return expected as { readonly [name: string]: IpldValue | undefined }
}

/** MCP-06: `_meta` is at `extra._meta` in the SDK 1, and at `ctx.mcpReq._meta` in the SDK 2. */
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
