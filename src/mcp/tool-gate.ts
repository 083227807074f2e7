/**
 * The decision about each request for tools, whatever carries it: an SDK, or a relay of messages.
 *
 * @module
 */

import { encodeContainer } from '../core/container/container.ts'
import type { GuardedCall } from '../guard/call.ts'
import {
  callback,
  type DefaultCheck,
  maybe,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { type ClaimsReader, readClaims } from './client-claims.ts'
import { defaultMetaKey, metaKeyCheck, withoutKey } from './meta-key.ts'
import {
  type ListedTool,
  type PermittedTools,
  type PermittedToolsOptions,
  permittedTools,
  permittedToolsChecks,
} from './permitted-tools.ts'
import { containerIn, expectedArguments, missing, readCall, refusal, type ToolRequest } from './read-call.ts'
import { type AskedPage, createSeenTools, type ListPage } from './seen-tools.ts'
import { definitionsOf, type ToolDefinitions, type ToolGuard, toolDefinitionsCheck } from './tool-commands.ts'
import { denialResult, type ToolDenial, toolDenialOf } from './tool-denial.ts'
import { pinnedParts, type ToolPins } from './tool-hash.ts'

/** Options of a gate: those that `guardTools` and `relayTools` share. */
export interface ToolGateOptions {
  /**
   * The command of each tool, by its name, or a list of definitions. The guard must have these commands. A tool without
   * one is refused and not listed.
   */
  readonly tools: ToolDefinitions
  /** The key of `_meta` under which the container travels. Default `xyz.ucan/container`. */
  readonly key?: string
  /**
   * The accepted hash of each tool (`toolHash`), such as a `Map`. A tool with another hash is refused, and a listed
   * tool has only the members that the hash covers. Default: no hash is compared.
   */
  readonly pins?: ToolPins
  /**
   * Lists only the tools that the delegations of the caller permit, and no tool without delegations. Default: every
   * tool in `tools` is listed.
   */
  readonly listing?: PermittedToolsOptions
  /**
   * Reads facts about a call from `_meta` of its request, such as `clientClaims`. They are in the records of the call
   * as `claimed`, and nobody verifies them. Default: none.
   */
  readonly claims?: ClaimsReader
}

/** The checks of {@link ToolGateOptions}. */
export const toolGateChecks: OptionChecks<ToolGateOptions> & { readonly key: DefaultCheck } = Object.freeze({
  tools: toolDefinitionsCheck,
  key: withDefault(metaKeyCheck, defaultMetaKey),
  pins: maybe(withMethod('get')),
  listing: maybe(objectValue),
  claims: maybe(callback),
})

/** The server behind a gate. `S` is the surroundings of a request, which the gate only passes on. */
export interface ToolHost<S> {
  /** Runs the tool of an allowed request, and resolves to its result. */
  call(request: ToolRequest, surroundings: S, call: GuardedCall): unknown
  /** Lists the tools. */
  list(request: ToolRequest, surroundings: S): unknown
  /** Aborted when the caller has given up. */
  signalOf(surroundings: S): AbortSignal | undefined
}

/** Decides about requests for tools, and returns the result of each. */
export interface ToolGate<S> {
  call(request: ToolRequest, surroundings: S): Promise<unknown>
  list(request: ToolRequest, surroundings: S): Promise<unknown>
  /** Forgets the lists of the server: the next call of a tool asks for its definition. */
  recheck(): void
}

/** How long a gate relies on a list of its server. */
export interface ListMemory {
  /** Seconds for which a list counts. With 0, each call asks the server. */
  readonly pinsMaxAge: number
  /** Called when a tool is seen with a definition other than the accepted one. */
  readonly onChange: () => void
}

/** A server in this process is asked for each call. */
const noMemory: ListMemory = Object.freeze({ pinsMaxAge: 0, onChange: () => undefined })

/**
 * Makes a gate.
 *
 * @param caller - the function of the package whose options they are, for messages.
 * @throws ArgumentError when the guard does not have the command of a tool, or `listing` is invalid.
 */
export function createToolGate<S>(
  caller: string,
  guard: ToolGuard,
  host: ToolHost<S>,
  given: ToolGateOptions & { readonly key: string },
  { pinsMaxAge, onChange }: ListMemory = noMemory,
): ToolGate<S> {
  const { key, pins } = given
  const definitionOf = definitionsOf(caller, given.tools, guard)
  const isKnown = (tool: string): boolean => definitionOf(tool) !== undefined
  const seen = pins && createSeenTools({ pins, isKnown, maxAge: pinsMaxAge, onChange })
  const listing = given.listing && readOptions(`${caller}: \`listing\``, given.listing, permittedToolsChecks)

  async function listed(request: ToolRequest, surroundings: S): Promise<ListResult> {
    const { _meta, ...params } = request.params ?? {}
    const meta = withoutKey(_meta, key)
    const clean = { ...request, params: { ...params, ...(meta !== undefined && { _meta: meta }) } }
    return readList(await host.list(clean, surroundings))
  }

  async function call(request: ToolRequest, surroundings: S): Promise<unknown> {
    const read = readCall(request, key, definitionOf)
    if ('code' in read) return denialResult(key, read)
    const page: ListPage = (params) => listed({ ...{ method: 'tools/list' }, params }, surroundings)
    if (seen !== undefined && !(await seen.isAccepted(read.name, page))) return denialResult(key, changed(read.name))
    const { args, container, definition } = read
    let result: ToolResult = {}
    const claimed = readClaims(given.claims, request.params?.['_meta'])
    try {
      const outcome = await guard.use(
        container,
        async (call: GuardedCall) => {
          // MCP-06
          const meta = withoutKey(request.params?._meta, key)
          const params = { ...answersIn(request), name: read.name, arguments: args, _meta: meta }
          result = (await host.call({ ...request, params }, surroundings, call)) as ToolResult
          if (result?.isError === true) throw new ToolFailure()
          return receiptValue(result)
        },
        {
          command: definition.command,
          args: expectedArguments(definition, args),
          signal: host.signalOf(surroundings),
          ...(claimed !== undefined && { claimed }),
        },
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

  async function list(request: ToolRequest, surroundings: S): Promise<unknown> {
    let result: ListResult = { tools: [] }
    const ask = async (): Promise<AskedPage<ListedTool>> => {
      result = await listed(request, surroundings)
      const isWhole = request.params?.['cursor'] === undefined && (result.nextCursor ?? undefined) === undefined
      return { tools: result.tools.filter(({ name }) => isKnown(name)), isWhole }
    }
    const offered = seen === undefined ? (await ask()).tools : (await seen.accepted(ask)).map(pinnedParts)
    if (listing === undefined) return { ...result, tools: offered }
    const container = containerIn(request, key)
    const permitted: PermittedTools =
      typeof container === 'string'
        ? await permittedTools(offered, { definitionOf, guard, container, options: listing })
        : { tools: [], denial: container ?? missing }
    const { tools, denial } = permitted
    // A cache must not give the list of one caller to another.
    const own = { ...result, tools, ...(result.cacheScope !== undefined && { cacheScope: 'private' }) }
    if (denial === undefined) return own
    return { ...own, _meta: { ...result._meta, [`${key}.denial`]: denial } }
  }

  return { call, list, recheck: () => seen?.forget() }
}

/**
 * MCP-34: a call has its name, its arguments and `_meta`. Nobody has signed other parameters, and no policy has seen
 * them. The answers to the questions of a server are part of the protocol in versions without sessions.
 */
function answersIn({ params }: ToolRequest): Readonly<Record<string, unknown>> {
  const { _meta, inputResponses, requestState } = (params ?? {}) as Readonly<Record<string, unknown>>
  if (!Object.hasOwn(Object(_meta) as object, 'io.modelcontextprotocol/protocolVersion')) return {}
  return {
    ...(inputResponses !== undefined && { inputResponses }),
    ...(requestState !== undefined && { requestState }),
  }
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
  readonly cacheScope?: unknown
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

/** The list of a server. A relay has not checked its form. */
function readList(result: unknown): ListResult {
  const { tools } = Object(result) as { readonly tools?: unknown }
  const isTool = (tool: unknown): boolean => typeof Object(tool).name === 'string'
  return { ...Object(result), tools: Array.isArray(tools) ? tools.filter(isTool) : [] }
}

function changed(name: string): ToolDenial {
  return refusal(
    'tool_changed',
    `the definition of the tool ${quote(name)} is not the one that was accepted; somebody has to review it and accept its new hash`,
    'MCP-10',
  )
}
