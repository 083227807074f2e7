import type { JsonSchema } from '../../core/capability/standard-schema.ts'
import { ArgumentError, AuthorizationError } from '../../errors.ts'
import {
  type DefaultCheck,
  didString,
  maybe,
  nonEmptyString,
  type OptionChecks,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import {
  type AgentToolsOptions,
  agentToolsChecks,
  type CallingAgent,
  frameworkFunction,
  readTools,
  valueText,
} from '../agent-tools.ts'
import { refuseOtherAgent } from '../refuse-other-agent.ts'
import {
  type ActingAgent,
  commandsOf,
  findCommand,
  type ToolPermissionOptions,
  toolPermission,
  toolsCheck,
} from './tool-permission.ts'

/** The part of a tool call of OpenAI Agents that is used. */
export interface OpenAiToolCall {
  readonly toolCall: { readonly name: string; readonly arguments: string }
  readonly context?: OpenAiRunContext
}

/** The part of a `RunContext` of OpenAI Agents that is used; for a function that returns the agent. */
export interface OpenAiRunContext {
  /** The context that the run was started with. */
  readonly context: unknown
}

/** A guardrail of OpenAI Agents for the input of tools. */
export interface OpenAiToolGuardrail {
  readonly type: 'tool_input'
  readonly name: string
  readonly run: (call: OpenAiToolCall) => Promise<{
    readonly behavior: { readonly type: 'allow' } | { readonly type: 'rejectContent'; readonly message: string }
  }>
}

/**
 * Makes a guardrail of OpenAI Agents that asks an agent before a tool runs: for `inputGuardrails` of a tool, or
 * `toolInputGuardrails` of an MCP server. The reason of a refusal becomes the output of the tool. A schema of a tool
 * that changes its arguments does so after the question.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { toolInputGuardrail } from 'procura/agent/openai'
 *
 * const assistant = await openAgent({ signer: agent })
 * const guardrail = toolInputGuardrail(assistant, { tools: { mail_send: send } })
 * console.log(guardrail.name)
 * ```
 */
export function toolInputGuardrail(
  agent: ActingAgent<'can', OpenAiRunContext>,
  options: ToolPermissionOptions,
): OpenAiToolGuardrail {
  const ask = toolPermission('toolInputGuardrail', agent, options)
  return Object.freeze({
    type: 'tool_input',
    name: 'procura',
    async run({ toolCall, context }) {
      const answer = await ask(toolCall.name, parsed(toolCall.arguments), { context })
      return { behavior: answer.permitted ? { type: 'allow' } : { type: 'rejectContent', message: answer.message } }
    },
  } satisfies OpenAiToolGuardrail)
}

/** Text that is not JSON is refused like every value that is not an object. */
function parsed(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text)
  } catch {
    return text
  }
}

/** Options of {@link toolMetaResolver}. */
export interface ToolMetaOptions {
  /** The command of each tool, by its name, or a list of definitions. A tool without a command is not called. */
  readonly tools: ToolPermissionOptions['tools']
  /** The DID of the service behind the tools. Default: as of the agent, see `AgentRequest.audience`. */
  readonly audience?: string
  /** The owner of the authority. Default: the only subject whose delegations permit the call. */
  readonly subject?: string
  /** The key of `_meta` under which the container travels. Default `xyz.ucan/container`. */
  readonly key?: string
}

const metaChecks: OptionChecks<ToolMetaOptions> & { readonly key: DefaultCheck } = Object.freeze({
  tools: toolsCheck,
  audience: maybe(didString),
  subject: maybe(didString),
  key: withDefault(nonEmptyString, 'xyz.ucan/container'),
})

/** The part of a call of a tool of an MCP server that is used. */
export interface OpenAiMcpCall {
  readonly toolName: string
  readonly arguments: Readonly<Record<string, unknown>> | null
  readonly runContext?: OpenAiRunContext
}

/**
 * Makes the function `toolMetaResolver` of an MCP server of OpenAI Agents. An agent signs each call for its arguments,
 * and the container is put into `_meta`. A call that the agent may not make throws an error with the reason, and is not
 * sent.
 *
 * @throws ArgumentError when an argument is invalid.
 */
export function toolMetaResolver(
  agent: ActingAgent<'authorize', OpenAiRunContext>,
  options: ToolMetaOptions,
): (call: OpenAiMcpCall) => Promise<Record<string, unknown>> {
  refuseOtherAgent('toolMetaResolver', agent, 'authorize')
  const { tools, audience, subject, key } = readOptions('toolMetaResolver', options, metaChecks)
  const commandOf = commandsOf(tools)
  return async ({ toolName, arguments: args, runContext }) => {
    const found = await findCommand(agent as ActingAgent<'authorize'>, commandOf, toolName, args, runContext)
    if ('message' in found) throw new ArgumentError(found.message)
    const { acting, command, given } = found
    // AGT-23
    const decision = await acting.authorize({
      command,
      args: given,
      ...(audience !== undefined && { audience }),
      ...(subject !== undefined && { subject }),
    })
    if (!decision.ok) throw new AuthorizationError(decision.denial.message)
    return { [key]: decision.container }
  }
}

/** A tool, as OpenAI Agents takes it. */
export interface OpenAiToolFields {
  readonly name: string
  readonly description: string
  readonly parameters: JsonSchema
  readonly strict: false
  readonly execute: (
    input: unknown,
    context?: OpenAiRunContext,
    details?: { readonly signal?: AbortSignal | undefined },
  ) => Promise<string>
}

/** Options of {@link openaiTools}. */
export interface OpenAiToolsOptions<Tool> extends AgentToolsOptions {
  /** The function `tool` of `@openai/agents`. It receives `OpenAiToolFields`. */
  readonly tool: (fields: never) => Tool
}

/**
 * Makes the tools of OpenAI Agents for an agent: one for each command that its delegations cover now, in the order of
 * `tools`. A tool has the agent call the service; the reason of a refusal is the output of the tool.
 * {@link toolInputGuardrail} is for tools of your own.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { openaiTools } from 'procura/agent/openai'
 *
 * const tool = (fields: { readonly name: string }) => fields // of `@openai/agents`
 * const assistant = await openAgent({ signer: agent })
 * const tools = await openaiTools(assistant, { tools: [send], tool })
 * console.log(tools.map(({ name }) => name))
 * ```
 */
export async function openaiTools<Tool>(
  agent: CallingAgent<OpenAiRunContext>,
  options: OpenAiToolsOptions<Tool>,
): Promise<Tool[]> {
  const { tool, ...rest } = readOptions('openaiTools', options, {
    tool: frameworkFunction('the function `tool` of `@openai/agents`'),
    ...agentToolsChecks,
  })
  const tools = await readTools('openaiTools', agent, rest)
  return tools.map(({ name, description, jsonSchema, call }) =>
    tool({
      name,
      description,
      parameters: jsonSchema,
      strict: false,
      async execute(input, context, details) {
        const result = await call(input, { signal: details?.signal, context })
        return result.ok ? valueText(result.value) : result.message
      },
    } satisfies OpenAiToolFields as never),
  )
}
