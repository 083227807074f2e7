import type { JsonSchema } from '../../core/capability/standard-schema.ts'
import { readOptions } from '../../support/options.ts'
import {
  type AgentToolsOptions,
  agentToolsChecks,
  type CallingAgent,
  frameworkFunction,
  readTools,
  valueText,
} from '../agent-tools.ts'
import {
  type ActingAgent,
  type ToolPermissionOptions,
  toolPermission,
  toolPermissionChecks,
} from './tool-permission.ts'

const toolMessageCheck = frameworkFunction('the class `ToolMessage` of `langchain`')

/** Options of {@link langchainMiddleware}. */
export interface LangchainMiddlewareOptions<Message> extends ToolPermissionOptions {
  /** The class `ToolMessage` of `@langchain/core/messages`, for refusals. */
  readonly ToolMessage: new (
    fields: RefusalFields,
  ) => Message
}

/** The fields of a refusal. */
export interface RefusalFields {
  readonly tool_call_id: string
  readonly name: string
  readonly status: 'error'
  readonly content: string
}

/** The part of LangChain's context of a call that is used; for a function that returns the agent. */
export interface LangchainRuntime {
  readonly signal?: AbortSignal | undefined
  /** Such as `thread_id`, as the run was started with. */
  readonly configurable?: Readonly<Record<string, unknown>> | undefined
  /** The context of the run. */
  readonly context?: unknown
}

/** The part of LangChain's request that is used. */
export interface LangchainToolCall {
  readonly toolCall: { readonly id?: string | undefined; readonly name: string; readonly args: unknown }
  readonly runtime?: LangchainRuntime
}

/** A middleware with the hook `wrapToolCall`. */
export interface LangchainMiddleware<Message> {
  readonly name: string
  readonly wrapToolCall: <Request extends LangchainToolCall, Result>(
    request: Request,
    handler: (request: Request) => Promise<Result> | Result,
  ) => Promise<Result | Message>
}

/**
 * Makes a middleware of LangChain 1.x that asks an agent before a tool runs. A refused call is answered with an error
 * message, whose text is the reason. Pass the middleware as the last one, so that no other changes the arguments after
 * it. A schema of a tool that changes its arguments does so after the question too.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { langchainMiddleware } from 'procura/agent/langchain'
 *
 * class ToolMessage {} // of `@langchain/core/messages`
 * const assistant = await openAgent({ signer: agent })
 * const middleware = langchainMiddleware(assistant, { tools: { mail_send: send }, ToolMessage })
 * console.log(middleware.name)
 * ```
 */
export function langchainMiddleware<Message>(
  agent: ActingAgent<'can', LangchainRuntime>,
  options: LangchainMiddlewareOptions<Message>,
): LangchainMiddleware<Message> {
  const { ToolMessage, ...rest } = readOptions('langchainMiddleware', options, {
    ...toolPermissionChecks,
    ToolMessage: toolMessageCheck,
  })
  const ask = toolPermission('langchainMiddleware', agent, rest)
  return Object.freeze({
    name: 'procura',
    async wrapToolCall(request, handler) {
      const { id, name, args } = request.toolCall
      const { runtime = {} } = request
      const answer = await ask(name, args, { signal: runtime.signal, context: runtime })
      if (answer.permitted) return handler(request)
      return new ToolMessage({ tool_call_id: id ?? '', name, status: 'error', content: answer.message })
    },
  } satisfies LangchainMiddleware<Message>)
}

/** The fields of a tool, as LangChain takes them. */
export interface LangchainToolFields {
  readonly name: string
  readonly description: string
  readonly schema: JsonSchema
}

/** The part of LangChain's context of a tool that is used. */
export interface LangchainToolRuntime extends LangchainRuntime {
  readonly toolCall?: { readonly id?: string | undefined } | undefined
}

/** Options of {@link langchainTools}. */
export interface LangchainToolsOptions<Tool, Message> extends AgentToolsOptions {
  /** The function `tool` of `langchain`. */
  readonly tool: (
    callback: (input: unknown, runtime: LangchainToolRuntime) => Promise<string | Message>,
    fields: LangchainToolFields,
  ) => Tool
  /** The class `ToolMessage` of `langchain`, for refusals. */
  readonly ToolMessage: LangchainMiddlewareOptions<Message>['ToolMessage']
}

/**
 * Makes the tools of LangChain 1.x for an agent: one for each command that its delegations cover now, in the order of
 * `tools`. A tool has the agent call the service; a refusal is an error message of the tool, whose text is the reason.
 * These tools need no middleware: the agent is asked by the call. {@link langchainMiddleware} is for tools of your own.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { langchainTools } from 'procura/agent/langchain'
 *
 * class ToolMessage {} // of `langchain`, as is `tool`
 * const tool = (callback: object, fields: { readonly name: string }) => ({ callback, ...fields })
 * const assistant = await openAgent({ signer: agent })
 * const tools = await langchainTools(assistant, { tools: [send], tool, ToolMessage })
 * console.log(tools.map(({ name }) => name))
 * ```
 */
export async function langchainTools<Tool, Message>(
  agent: CallingAgent<LangchainRuntime>,
  options: LangchainToolsOptions<Tool, Message>,
): Promise<Tool[]> {
  const { tool, ToolMessage, ...rest } = readOptions('langchainTools', options, {
    tool: frameworkFunction('the function `tool` of `langchain`'),
    ToolMessage: toolMessageCheck,
    ...agentToolsChecks,
  })
  const tools = await readTools('langchainTools', agent, rest)
  return tools.map(({ name, description, jsonSchema, call }) =>
    tool(
      async (input, runtime) => {
        const result = await call(input, { signal: runtime?.signal, context: runtime })
        if (result.ok) return valueText(result.value)
        const id = runtime?.toolCall?.id
        if (id === undefined) return result.message
        return new ToolMessage({ tool_call_id: id, name, status: 'error', content: result.message })
      },
      { name, description, schema: jsonSchema },
    ),
  )
}
