import type { CommandDefinition } from '../../core/capability/definition.ts'
import { ArgumentError } from '../../errors.ts'
import {
  arrayOf,
  type DefaultCheck,
  didString,
  maybe,
  nonEmptyString,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { Agent, AgentAnswer } from '../agent.ts'
import { argumentsFault } from '../agent-tools.ts'
import { refuseOtherAgent } from '../refuse-other-agent.ts'
import { definitionsCheck, isDefinition, toolsByName } from '../tools-by-name.ts'

/**
 * The agent whose authority counts; or a function that returns it at each call, such as the one of the sub-agent that
 * was started last. A call is refused while the function returns undefined. The function receives the framework's
 * context of the call, by which it can tell conversations apart that run at the same time.
 */
export type ActingAgent<Method extends keyof Agent = 'can', Context = unknown> =
  | Pick<Agent, Method>
  | ((context: Context) => Pick<Agent, Method> | undefined | Promise<Pick<Agent, Method> | undefined>)

/** Options of the adapters for agent frameworks. */
export interface ToolPermissionOptions {
  /**
   * The command of each tool, by the name of the tool; or a list of definitions, whose tools have the names of
   * `toolOf`. A tool without a command is refused.
   */
  readonly tools: readonly CommandDefinition[] | { readonly [tool: string]: string | CommandDefinition }
  /**
   * The names of tools that use nobody's authority, such as a calculator, and those that start a sub-agent. They run,
   * and the agent is not asked. Default: none.
   */
  readonly local?: readonly string[]
  /** The owner of the authority. Default: the only subject whose delegations permit the call. */
  readonly subject?: string
  /**
   * Whether a call runs that an approval could permit. With `passed` it does, and the tool asks for the approval: see
   * `approval` of {@link Agent.call}. Default `refused`.
   */
  readonly approvable?: 'refused' | 'passed'
}

/** Checks an option that names the commands of tools. */
export const toolsCheck: OptionCheck = (value) =>
  Array.isArray(value) || isDefinition(value) ? definitionsCheck(value) : objectValue(value)

/** The checks of {@link ToolPermissionOptions}. */
export const toolPermissionChecks: OptionChecks<ToolPermissionOptions> & {
  readonly approvable: DefaultCheck
  readonly local: DefaultCheck
} = Object.freeze({
  tools: toolsCheck,
  local: withDefault(arrayOf(nonEmptyString), Object.freeze([])),
  subject: maybe(didString),
  approvable: withDefault(oneOfStrings('refused', 'passed'), 'refused'),
})

/** The answer for one call of a tool. */
export type ToolPermission =
  | { readonly permitted: true; readonly needsApproval: boolean }
  | { readonly permitted: false; readonly message: string }

/** The circumstances of one call. */
export interface ToolCallCircumstances {
  readonly signal?: AbortSignal | undefined
  /** The framework's context of the call, for a function that returns the agent. */
  readonly context?: unknown
  /** Another agent than the one of the adapter. */
  readonly acting?: ActingAgent
}

/** Decides about the calls of a framework's tools, for the agent of the adapter or for another one. */
export type AskPermission = (
  tool: string,
  args: unknown,
  circumstances?: ToolCallCircumstances,
) => Promise<ToolPermission>

/** Makes the question that every adapter asks before a tool runs. */
export function toolPermission<Context>(
  where: string,
  agent: ActingAgent<'can', Context>,
  options: ToolPermissionOptions,
): AskPermission {
  refuseOtherAgent(where, agent, 'can')
  const { tools, subject, approvable, local } = readOptions(where, options, toolPermissionChecks)
  const commandOf = commandsOf(tools)
  const unasked = new Set(local)
  const both = local.find((name) => commandOf(name) !== undefined)
  if (both !== undefined) throw new ArgumentError(`${where}: the tool ${quote(both)} is in \`tools\` and in \`local\``)
  return async (tool, args, { signal, context, acting: other = agent as ActingAgent } = {}) => {
    // AGT-35
    if (unasked.has(tool)) return { permitted: true, needsApproval: false }
    const found = await findCommand(other, commandOf, tool, args, context)
    if ('message' in found) return { permitted: false, message: found.message }
    const { acting, command, given } = found
    let answer: AgentAnswer
    try {
      answer = await acting.can(command, given, { ...(subject !== undefined && { subject }), signal })
    } catch (error) {
      const fault = argumentsFault(error)
      if (fault === undefined) throw error
      return { permitted: false, message: fault }
    }
    // AGT-36: the run may have been aborted while the agent was asked.
    signal?.throwIfAborted()
    if (answer.ok) return { permitted: true, needsApproval: false }
    const { denial } = answer
    // AGT-21
    if (approvable === 'passed' && denial.approvable !== undefined) return { permitted: true, needsApproval: true }
    return { permitted: false, message: denial.message }
  }
}

/** Finds the agent, the command and the arguments of a call. AGT-20: a missing part is a refusal. */
export async function findCommand<Method extends keyof Agent>(
  agent: ActingAgent<Method>,
  commandOf: (tool: string) => string | CommandDefinition | undefined,
  tool: string,
  args: unknown,
  context: unknown,
): Promise<
  | { readonly message: string }
  | {
      readonly acting: Pick<Agent, Method>
      readonly command: CommandDefinition
      readonly given: Readonly<Record<string, unknown>>
    }
> {
  const command = commandOf(tool)
  if (command === undefined)
    return { message: `no command is configured for the tool ${quote(tool)}, so it was not called` }
  const given = args ?? {}
  if (typeof given !== 'object' || Array.isArray(given))
    return { message: `the arguments of the tool ${quote(tool)} must be an object, so it was not called` }
  // AGT-22
  // JavaScript: a look-up may return null.
  const acting = (typeof agent === 'function' ? await agent(context as never) : agent) ?? undefined
  if (acting === undefined)
    return { message: `no authority was delegated for the tool ${quote(tool)}, so it was not called` }
  return { acting, command: command as CommandDefinition, given: given as Readonly<Record<string, unknown>> }
}

/** The name of a tool is foreign: it finds no inherited property. */
export function commandsOf(
  tools: ToolPermissionOptions['tools'],
): (tool: string) => string | CommandDefinition | undefined {
  const named = Array.isArray(tools) ? toolsByName(tools as readonly CommandDefinition[]) : tools
  const table = new Map<string, string | CommandDefinition>(Object.entries(named))
  return (tool) => table.get(tool)
}
