import { readOptions } from '../../support/options.ts'
import {
  type AgentToolsOptions,
  agentToolsChecks,
  type CallingAgent,
  frameworkFunction,
  readTools,
} from '../agent-tools.ts'
import type { AgentTool } from '../tool-of.ts'
import { type ActingAgent, type ToolPermissionOptions, toolPermission } from './tool-permission.ts'

/** The part of Mastra's `ToolHookContext` that is used. */
export interface MastraToolCall {
  readonly toolName: string
  readonly input: unknown
  readonly context?: unknown
}

/** The part of Mastra's context of a call that is used; for a function that returns the agent. */
export interface MastraContext {
  readonly abortSignal?: AbortSignal | undefined
  /** The values that the run was started with. */
  readonly requestContext?: { get(name: never): unknown } | undefined
}

/** The hook of a Mastra agent that runs before each tool. */
export interface MastraHooks {
  readonly beforeToolCall: (call: MastraToolCall) => Promise<{ proceed: false; output: string } | undefined>
}

/**
 * Makes the `hooks` of a Mastra agent, which ask an agent before a tool runs. The reason of a refusal becomes the
 * output of the tool. The input schema of a tool is applied after the question.
 *
 * `hooks` of a single run replace these: pass them there too. Tools without `execute`, such as those of a browser, run
 * elsewhere and are not asked about.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { mastraHooks } from 'procura/agent/mastra'
 *
 * const assistant = await openAgent({ signer: agent })
 * const hooks = mastraHooks(assistant, { tools: { mail_send: send } })
 * ```
 */
export function mastraHooks(agent: ActingAgent<'can', MastraContext>, options: ToolPermissionOptions): MastraHooks {
  const ask = toolPermission('mastraHooks', agent, options)
  return Object.freeze({
    async beforeToolCall({ toolName, input, context }) {
      const answer = await ask(toolName, input, { signal: signalOf(context), context })
      return answer.permitted ? undefined : { proceed: false, output: answer.message }
    },
  } satisfies MastraHooks)
}

function signalOf(context: unknown): AbortSignal | undefined {
  const { abortSignal } = Object(context) as { readonly abortSignal?: unknown }
  return abortSignal instanceof AbortSignal ? abortSignal : undefined
}

/** A tool, as Mastra takes it. */
export interface MastraToolFields {
  readonly id: string
  readonly description: string
  readonly inputSchema: AgentTool['schema']
  readonly execute: (input: unknown, context?: MastraContext) => Promise<unknown>
}

/** Options of {@link mastraTools}. */
export interface MastraToolsOptions<Tool> extends AgentToolsOptions {
  /** The function `createTool` of `@mastra/core/tools`. */
  readonly createTool: (fields: MastraToolFields) => Tool
}

/**
 * Makes the tools of Mastra for an agent: one for each command that its delegations cover now, by its name. A tool has
 * the agent call the service, and returns the value; the reason of a refusal is the output of the tool.
 * {@link mastraHooks} is for tools of your own.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { mastraTools } from 'procura/agent/mastra'
 *
 * const createTool = (fields: { readonly id: string }) => fields // of `@mastra/core/tools`
 * const assistant = await openAgent({ signer: agent })
 * const tools = await mastraTools(assistant, { tools: [send], createTool })
 * console.log(Object.keys(tools))
 * ```
 */
export async function mastraTools<Tool>(
  agent: CallingAgent<MastraContext>,
  options: MastraToolsOptions<Tool>,
): Promise<Record<string, Tool>> {
  const { createTool, ...rest } = readOptions('mastraTools', options, {
    createTool: frameworkFunction('the function `createTool` of `@mastra/core/tools`'),
    ...agentToolsChecks,
  })
  const tools = await readTools('mastraTools', agent, rest)
  return Object.fromEntries(
    tools.map(({ name, description, schema, call }) => {
      const execute: MastraToolFields['execute'] = async (input, context = {}) => {
        const result = await call(input, { signal: signalOf(context), context })
        return result.ok ? result.value : result.message
      }
      return [name, createTool({ id: name, description, inputSchema: schema, execute })]
    }),
  )
}
