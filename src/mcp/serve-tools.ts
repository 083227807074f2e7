import { toolOf } from '../agent/tool-of.ts'
import { toolsByName } from '../agent/tools-by-name.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import { ArgumentError } from '../errors.ts'
import type { GuardedCall } from '../guard/call.ts'
import type { BoundCommand } from '../service/on.ts'
import type { Service } from '../service/service.ts'
import { callback, maybe, type OptionCheck, type OptionChecks, objectValue, readOptions } from '../support/options.ts'
import { quietly } from '../support/quietly.ts'
import { quote } from '../support/quote.ts'
import { valueAsJson } from '../support/value-as-json.ts'
import { type GuardableServer, guardRequests } from './guard-tools.ts'
import type { ListedTool } from './permitted-tools.ts'
import { type ToolGateOptions, toolGateChecks } from './tool-gate.ts'

/** Options of {@link serveTools}. */
export interface ServeToolsOptions extends Omit<ToolGateOptions, 'tools'> {
  /**
   * The tools: a list of definitions, whose tools have the names of `toolOf`; or a definition for each name. The
   * service has a handler for each. Default: all commands of the service.
   */
  readonly tools?: readonly CommandDefinition[] | { readonly [tool: string]: CommandDefinition }
  /** Receives the error of a handler. Its own errors are ignored. Default: the error is only recorded as a failure. */
  readonly onError?: (error: unknown) => void
}

const { tools: _, ...gateChecks } = toolGateChecks

const checks: OptionChecks<ServeToolsOptions> & Pick<typeof toolGateChecks, 'key'> = Object.freeze({
  ...gateChecks,
  tools: maybe((value) => (Array.isArray(value) ? undefined : objectValue(value))),
  onError: maybe(callback),
})

/** A tool of the server: its command with the handler, and its definition for clients. */
interface ServedTool {
  readonly bound: BoundCommand
  readonly listed: ListedTool
}

/**
 * Serves the commands of a service as the tools of an MCP server, of either SDK. The names, descriptions and schemas
 * are those of `toolOf`. A call must carry a container in `_meta` (`withInvocation` adds it). The guard of the service
 * decides and records, and the handler of the command runs only if the call is allowed.
 *
 * The result of a tool is the value of the handler: a string as it is, and any other value as JSON; an object is the
 * `structuredContent` too. A `Response` is its text, with `isError` unless its status is 2xx. If the handler throws,
 * the client receives only that the tool failed.
 *
 * Tools that are registered with the SDK are not offered. Use {@link guardTools} for those.
 *
 * @returns the server.
 * @throws ArgumentError when an option is invalid, the service has no handler for a tool, two tools have the same name,
 *   or the server is not of a known SDK or guarded already.
 *
 * @example
 * ```ts
 * import { serveTools } from 'procura/mcp'
 * import { createService, on } from 'procura/service'
 * import { memoryStores } from 'procura/store/memory'
 *
 * const mailService = createService({
 *   audience: service.did,
 *   subjects: [owner.did],
 *   handlers: [on(send, ({ args }) => `sent to ${args.to}`)],
 *   audit: { sink },
 *   ...memoryStores(),
 * })
 * serveTools(mcpServer, mailService)
 * ```
 */
export function serveTools<Server extends GuardableServer>(
  server: Server,
  service: Pick<Service, 'guard' | 'handlers'>,
  options: ServeToolsOptions = {},
): Server {
  readOptions('serveTools', { service }, { service: serviceCheck })
  const { tools, onError, ...given } = readOptions<ServeToolsOptions, typeof checks>('serveTools', options, checks)
  const served = servedTools(service.handlers, tools)
  const definitions = Object.fromEntries([...served].map(([name, { bound }]) => [name, bound.definition]))
  guardRequests(
    'serveTools',
    server,
    service.guard,
    { ...given, tools: definitions },
    {
      list: () => ({ tools: [...served.values()].map(({ listed }) => listed) }),
      async call({ params }, call) {
        // The gate has found the tool.
        const { handler } = (served.get(String(params?.['name'])) as ServedTool).bound
        try {
          return await resultOf(await runOf(handler)(call, Object.freeze({})))
        } catch (error) {
          quietly(() => onError?.(error))
          return failed
        }
      },
    },
  )
  return server
}

const serviceCheck: OptionCheck = (value) =>
  Array.isArray(Object(value).handlers) && typeof Object(Object(value).guard).use === 'function'
    ? undefined
    : 'must be a service; make it with createService'

function runOf(
  handler: BoundCommand['handler'],
): (call: GuardedCall, surroundings: Parameters<BoundCommand['handler']>[1]) => unknown {
  return (call, surroundings) => handler(call as never, surroundings)
}

function servedTools(
  handlers: readonly BoundCommand[],
  tools: ServeToolsOptions['tools'] = handlers.map(({ definition }) => definition),
): ReadonlyMap<string, ServedTool> {
  const bound = new Map<string, BoundCommand>(handlers.map((one) => [one.definition.command, one]))
  const named = Array.isArray(tools) ? toolsByName(tools as readonly CommandDefinition[]) : tools
  return new Map(
    Object.entries(named).map(([name, definition]) => {
      const found = bound.get(Object(definition).command)
      if (found === undefined)
        throw new ArgumentError(
          `serveTools: the service has no handler for the tool ${quote(name)}; add its command to \`handlers\` of createService`,
        )
      const { description, jsonSchema } = toolOf<unknown>(found.definition, { name })
      return [name, { bound: found, listed: Object.freeze({ name, description, inputSchema: jsonSchema }) }] as const
    }),
  )
}

/** The result of a tool. */
interface ToolResult {
  readonly content: readonly { readonly type: 'text'; readonly text: string }[]
  readonly structuredContent?: unknown
  readonly isError?: true
}

/** The message of the error may contain a secret. MCP-33 */
const failed: ToolResult = Object.freeze({
  ...textResult(
    'Failed (handler_failed): the tool failed. The call may have had its effect; check before you repeat it.',
  ),
  isError: true,
})

/** MCP-33: the value of a handler, as an HTTP adapter would send it. */
async function resultOf(value: unknown): Promise<ToolResult> {
  if (value === undefined) return { content: [] }
  if (typeof value === 'string') return textResult(value)
  if (value instanceof Response) {
    const result = textResult(await value.text())
    return value.ok ? result : { ...result, isError: true }
  }
  const json = valueAsJson(value)
  const plain: unknown = JSON.parse(json)
  return objectValue(plain) === undefined ? { ...textResult(json), structuredContent: plain } : textResult(json)
}

function textResult(text: string): ToolResult {
  return { content: [{ type: 'text', text }] }
}
