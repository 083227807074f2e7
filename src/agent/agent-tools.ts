import type { CommandDefinition } from '../core/capability/definition.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import { didString, maybe, type OptionCheck, type OptionChecks, objectValue, readOptions } from '../support/options.ts'
import type { Agent, AgentCapability, CallResult } from './agent.ts'
import type { CallApproval } from './call-approval.ts'
import { refuseOtherAgent } from './refuse-other-agent.ts'
import { type AgentTool, toolNameOf, toolOf } from './tool-of.ts'
import { definitionsCheck, toolsByName } from './tools-by-name.ts'

/**
 * The agent that calls; or a function that returns it at each call, such as the agent of the sub-agent that was started
 * last. A call is refused while the function returns undefined. The function receives the framework's context of the
 * call.
 */
export type CallingAgent<Context = unknown> =
  | Pick<Agent, 'call' | 'capabilities'>
  | ((context: Context) => Pick<Agent, 'call'> | undefined | Promise<Pick<Agent, 'call'> | undefined>)

/** Options of {@link CallableTool.call}. */
export interface ToolCallOptions {
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined
  /** Passed to a function that returns the agent. Default: undefined. */
  readonly context?: unknown
}

/** Options of {@link agentTools}. */
export interface AgentToolsOptions {
  /** The commands: a list of definitions, whose tools have the names of `toolOf`; or a definition for each name. */
  readonly tools: readonly CommandDefinition[] | { readonly [tool: string]: CommandDefinition }
  /** The owner of the authority. Default: the only subject whose delegations permit the call. */
  readonly subject?: string
  /** The DID of the service that is called. Default: the service that is configured for the command. */
  readonly audience?: string
  /** How people approve a call that is refused, if an approval could permit it. Default: they are not asked. */
  readonly approval?: CallApproval
}

/** The checks of {@link AgentToolsOptions}. */
export const agentToolsChecks: OptionChecks<AgentToolsOptions> = Object.freeze({
  tools: definitionsCheck,
  subject: maybe(didString),
  audience: maybe(didString),
  approval: maybe(objectValue),
})

/** A tool that an agent calls. */
export interface CallableTool extends AgentTool {
  /**
   * Has the agent call the service. A refusal is a result; its `message` is for the model.
   *
   * @param input - the arguments, as a model made them.
   * @throws errors of the connection, and the reason of an aborted signal.
   */
  readonly call: (input: unknown, options?: ToolCallOptions) => Promise<CallResult>
}

/**
 * Makes the tools of an agent for a model: one for each command that its delegations cover now, in the order of
 * `tools`. The description contains the conditions of the delegations. The tool signs and sends a call of the agent, so
 * nothing else has to ask before it runs. `langchainTools`, `aiTools`, `openaiTools` and `mastraTools` make them for a
 * framework.
 *
 * For a function that returns the agent, it makes a tool for each command, without conditions.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { agentTools, openAgent } from 'procura/agent'
 *
 * const assistant = await openAgent({ signer: agent })
 * for (const { name, description, jsonSchema, call } of await agentTools(assistant, { tools: [send] }))
 *   console.log(name, description, jsonSchema, await call({ to: 'bob@example.com' }))
 * ```
 */
export async function agentTools<Context>(
  agent: CallingAgent<Context>,
  options: AgentToolsOptions,
): Promise<readonly CallableTool[]> {
  return readTools('agentTools', agent, options)
}

/** The tools, for an adapter with the given name. */
export async function readTools<Context>(
  where: string,
  agent: CallingAgent<Context>,
  options: AgentToolsOptions,
): Promise<readonly CallableTool[]> {
  const { tools, ...settings } = readOptions(where, options, agentToolsChecks)
  refuseOtherAgent(where, agent, 'call')
  const named = namedTools(tools)
  const { subject } = settings
  const capabilities =
    typeof agent === 'function'
      ? undefined
      : await agent.capabilities({
          commands: named.map(([, definition]) => definition as CommandDefinition),
          ...(subject !== undefined && { subject }),
        })
  // AGT-34
  return named.flatMap(([name, definition]) => {
    const covering = capabilities?.filter(({ commands }) => commands.includes(definition))
    if (covering?.length === 0) return []
    refuseSeveral(definition, covering ?? [])
    const tool = toolOf<unknown>(definition, { name, capability: { conditions: conditionsOf(covering ?? []) } })
    return [Object.freeze({ ...tool, call: callerOf(agent, tool, settings) })]
  })
}

/** AGT-43: a model cannot choose an owner, so each of its calls would fail. */
function refuseSeveral({ command }: CommandDefinition, covering: readonly AgentCapability[]): void {
  const owners = new Set(covering.map(({ subject }) => subject))
  if (owners.size > 1)
    throw new ArgumentError(
      `${owners.size} subjects have delegated ${command} to this agent; make the tools of each with \`subject\`, and with names of their own in \`tools\``,
    )
}

/** The tools with their names, in the order of a list: an object has names of digits first. */
function namedTools(tools: AgentToolsOptions['tools']): readonly (readonly [name: string, CommandDefinition])[] {
  if (!Array.isArray(tools)) return Object.entries(tools)
  const definitions = tools as readonly CommandDefinition[]
  toolsByName(definitions)
  return definitions.map((one) => [toolNameOf(one), one] as const)
}

/** Most characters of alternatives in a description. Model providers refuse long ones, some beyond 1,024 characters. */
const maxConditions = 800

/** One chain is enough, so the conditions of several are alternatives. */
function conditionsOf(capabilities: readonly AgentCapability[]): readonly string[] {
  const each = new Set(capabilities.map(({ conditions }) => conditions.join(', and ')))
  if (each.has('') || each.size === 0) return []
  const text = [...each].join('; or where ')
  return [each.size === 1 || text.length <= maxConditions ? text : `one of ${each.size} delegations permits the call`]
}

function callerOf<Context>(
  agent: CallingAgent<Context>,
  { name, definition }: AgentTool,
  settings: Omit<AgentToolsOptions, 'tools'>,
): CallableTool['call'] {
  return async (input, { signal, context } = {}) => {
    const refused = (message: string): CallResult =>
      Object.freeze({ ok: false, reason: 'not_permitted', message, executed: false })
    const given = input ?? {}
    if (objectValue(given) !== undefined) return refused(`the arguments of the tool ${name} must be an object`)
    const acting = (typeof agent === 'function' ? await agent(context as never) : agent) ?? undefined
    if (acting === undefined) return refused(`no authority was delegated for the tool ${name}, so it was not called`)
    try {
      return await acting.call(definition, given as Readonly<Record<string, unknown>>, { ...settings, signal })
    } catch (error) {
      const fault = argumentsFault(error)
      if (fault === undefined) throw error
      return refused(fault)
    }
  }
}

/**
 * The fault of arguments that no token can contain, such as `__proto__`, or more than 65,536 bytes: a mistake of the
 * model, which must not end the run. Undefined for any other error.
 */
export function argumentsFault(error: unknown): string | undefined {
  const isOfInput = error instanceof ArgumentError || error instanceof MalformedError
  return isOfInput && error.message.startsWith('`args') ? error.message : undefined
}

/** Checks an option that takes a function of a framework. */
export function frameworkFunction(named: string): OptionCheck {
  return (value) => (typeof value === 'function' ? undefined : `must be ${named}`)
}

/** The value of a call as text for a model. The call was executed: a value that is not JSON must not end the run. */
export function valueText(value: unknown): string {
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return 'the call succeeded, but its value cannot be written as JSON'
  }
}
