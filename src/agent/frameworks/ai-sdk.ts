import { ArgumentError, AuthorizationError } from '../../errors.ts'
import { objectValue, readOptions } from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import { type AgentToolsOptions, type CallingAgent, readTools } from '../agent-tools.ts'
import type { AgentTool } from '../tool-of.ts'
import { type ActingAgent, commandsOf, type ToolPermissionOptions, toolPermission } from './tool-permission.ts'

/** The part of a question of AI SDK 7 that is used. */
export interface AiToolQuestion {
  readonly toolCall: { readonly toolName: string; readonly input: unknown }
}

/** The answer to AI SDK 7: a refusal, a request for the confirmation of the user, or no objection. */
export type AiToolApproval =
  | { readonly type: 'denied'; readonly reason: string }
  | { readonly type: 'user-approval' }
  | { readonly type: 'not-applicable' }

/** The part of the AI SDK's context of a call that is used; for a function that returns the agent. */
export interface AiToolRuntime {
  readonly abortSignal?: AbortSignal | undefined
  /** The context of the run, in AI SDK 6. */
  readonly experimental_context?: unknown
  /** The context of the tool, in AI SDK 7. */
  readonly context?: unknown
}

/** The function of a tool, as the AI SDK calls it. */
type Execute = (input: unknown, options?: AiToolRuntime) => unknown

/**
 * Wraps the tools of AI SDK 6 or 7 so that an agent is asked before `execute`. A refused call throws an error with the
 * reason, which the AI SDK gives to the model. A tool that yields several results returns only the last of them.
 *
 * @param toolSet - the tools by their names. Each must have `execute`: nothing could be asked before a tool that runs
 *   elsewhere.
 * @returns tools of the same types. The given ones are not changed.
 * @throws ArgumentError when an argument is invalid, or a tool has no `execute` or no command.
 *
 * @example
 * ```ts
 * import { openAgent, toolOf } from 'procura/agent'
 * import { guardedTools } from 'procura/agent/ai-sdk'
 *
 * const assistant = await openAgent({ signer: agent })
 * const { name, description, schema } = toolOf(send)
 * const toolSet = {
 *   [name]: { description, inputSchema: schema, execute: (input: { to: string }) => assistant.call(send, input) },
 * }
 * console.log(Object.keys(guardedTools(assistant, toolSet, { tools: { [name]: send } })))
 * ```
 */
export function guardedTools<Tools extends object>(
  agent: ActingAgent<'can', AiToolRuntime>,
  toolSet: Tools,
  options: ToolPermissionOptions,
): Tools {
  readOptions('guardedTools', { toolSet }, { toolSet: objectValue })
  const ask = toolPermission('guardedTools', agent, options)
  const { tools, local = [] } = options
  const commandOf = commandsOf(tools)
  const wrapped = Object.entries(toolSet).map(([name, tool]) => {
    if (local.includes(name)) return [name, tool] as const
    const execute: unknown = Object(tool).execute
    if (typeof execute !== 'function')
      throw new ArgumentError(`guardedTools: the tool ${quote(name)} has no \`execute\`; leave it out of these tools`)
    if (commandOf(name) === undefined)
      throw new ArgumentError(`guardedTools: the tool ${quote(name)} has no command; add it to \`tools\` or \`local\``)
    const asking: Execute = async (input, rest) => {
      const answer = await ask(name, input, { signal: rest?.abortSignal, context: rest ?? {} })
      if (!answer.permitted) throw new AuthorizationError(answer.message)
      return lastOf(await execute.call(tool, input, rest))
    }
    return [name, { ...tool, execute: asking }] as const
  })
  return Object.fromEntries(wrapped) as Tools
}

async function lastOf(result: unknown): Promise<unknown> {
  if (typeof Object(result)[Symbol.asyncIterator] !== 'function') return result
  let last: unknown
  for await (const one of result as AsyncIterable<unknown>) last = one
  return last
}

/**
 * Makes the function `toolApproval` of AI SDK 7. A refused call is denied with the reason, before `execute`. One that
 * an approval could permit is put before the user first, if `approvable` is `passed`. The answer of the user does not
 * replace an approval by the owner, for which `execute` asks.
 *
 * Wrap the tools with {@link guardedTools} too: other settings of the AI SDK can replace this function.
 *
 * @throws ArgumentError when an argument is invalid.
 */
export function toolApproval(
  agent: ActingAgent<'can', AiToolQuestion>,
  options: ToolPermissionOptions,
): (question: AiToolQuestion) => Promise<AiToolApproval> {
  const ask = toolPermission('toolApproval', agent, options)
  return async (question) => {
    const { toolName, input } = question.toolCall
    const answer = await ask(toolName, input, { context: question })
    if (!answer.permitted) return { type: 'denied', reason: answer.message }
    return { type: answer.needsApproval ? 'user-approval' : 'not-applicable' }
  }
}

/** A tool of the AI SDK that an agent calls. */
export interface AiTool extends Pick<AgentTool, 'description'> {
  readonly inputSchema: AgentTool['schema']
  readonly execute: (input: unknown, runtime?: AiToolRuntime) => Promise<unknown>
}

/**
 * Makes the tools of AI SDK 6 or 7 for an agent: one for each command that its delegations cover now, by its name. A
 * tool has the agent call the service, and returns the value. A refusal throws an `AuthorizationError` with the reason,
 * which the AI SDK gives to the model; a call that failed at the service throws another error. {@link guardedTools} is
 * for tools of your own.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { aiTools } from 'procura/agent/ai-sdk'
 *
 * const assistant = await openAgent({ signer: agent })
 * const tools = await aiTools(assistant, { tools: [send] })
 * console.log(Object.keys(tools))
 * ```
 */
export async function aiTools(
  agent: CallingAgent<AiToolRuntime>,
  options: AgentToolsOptions,
): Promise<Record<string, AiTool>> {
  const tools = await readTools('aiTools', agent, options)
  return Object.fromEntries(
    tools.map(({ name, description, schema, call }) => {
      const execute: AiTool['execute'] = async (input, runtime = {}) => {
        const result = await call(input, { signal: runtime.abortSignal, context: runtime })
        if (result.ok) return result.value
        if (result.executed === false) throw new AuthorizationError(result.message)
        throw new Error(result.message)
      }
      return [name, { description, inputSchema: schema, execute }]
    }),
  )
}
