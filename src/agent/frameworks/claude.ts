import type { CommandDefinition } from '../../core/capability/definition.ts'
import { AttenuationError, AuthorizationError } from '../../errors.ts'
import { type BoundedMap, createBoundedMap } from '../../support/bounded-map.ts'
import {
  type DefaultCheck,
  didString,
  maybe,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  oneOfStrings,
  readOptions,
  withDefault,
} from '../../support/options.ts'
import { quote } from '../../support/quote.ts'
import type { Agent, AgentTask } from '../agent.ts'
import { refuseOtherAgent } from '../refuse-other-agent.ts'
import { type ClaudeToolServer, signIncoming } from './claude-server.ts'
import {
  type ActingAgent,
  commandsOf,
  type ToolPermissionOptions,
  toolPermission,
  toolPermissionChecks,
} from './tool-permission.ts'

/** Options of {@link claudeSession}. */
export interface ClaudeSessionOptions extends ToolPermissionOptions {
  /**
   * The part of the authority that each type of sub-agent gets. A sub-agent of another type has no authority. Default:
   * no type has authority.
   */
  readonly subagents?: { readonly [type: string]: AgentTask }
  /**
   * Tools without a command, such as `Read` and `Bash`. With `passed`, the permission rules of Claude decide about them
   * alone. Default `refused`.
   */
  readonly unlisted?: 'refused' | 'passed'
}

/** The part of the input of a hook that is used. */
export interface ClaudeHookInput {
  readonly hook_event_name: string
  readonly tool_name?: string
  readonly tool_input?: unknown
  readonly tool_use_id?: string
  readonly agent_id?: string
  readonly agent_type?: string
}

/** The answer of a hook: no objection, or a refusal. */
export interface ClaudeHookAnswer {
  hookSpecificOutput?: {
    hookEventName: 'PreToolUse'
    permissionDecision: 'deny'
    permissionDecisionReason: string
  }
}

/** A matcher of the Claude Agent SDK: one hook, which blocks when it fails. */
export interface ClaudeHookMatcher {
  hooks: ((
    input: ClaudeHookInput,
    toolUseId: string | undefined,
    options: { signal: AbortSignal },
  ) => Promise<ClaudeHookAnswer>)[]
  onFailure: 'block'
}

/** Options of {@link ClaudeSession.sign}. */
export interface ClaudeSignOptions {
  /** The DID of the service behind the tools. Default: as of the agent, see `AgentRequest.audience`. */
  readonly audience?: string
  /** The key of `_meta` under which the container travels. Default `xyz.ucan/container`. */
  readonly key?: string
}

/** The authority of an agent in one session of the Claude Agent SDK. */
export interface ClaudeSession {
  /** For `hooks` in the options of `query`. */
  readonly hooks: { PreToolUse: ClaudeHookMatcher[]; SubagentStop: ClaudeHookMatcher[] }
  /**
   * The agent whose call runs a tool of an in-process server: the one of the sub-agent that called it, or the main one.
   *
   * @param extra - the last argument of the callback of the tool.
   * @throws AuthorizationError when the hook has not permitted this call.
   */
  agentFor(extra: object): Agent
  /**
   * Signs the calls of an in-process server, for `guardTools` of `procura/mcp`: before the server reads a call, its
   * container is put into `_meta`. A call that the hook has not permitted, or that the agent may not make, is refused.
   *
   * @param server - the result of `createSdkMcpServer`. It is changed.
   * @throws ArgumentError when an argument is invalid.
   */
  sign(server: ClaudeToolServer, options?: ClaudeSignOptions): void
}

const checks: OptionChecks<ClaudeSessionOptions> & {
  readonly approvable: DefaultCheck
  readonly unlisted: DefaultCheck
} = Object.freeze({
  ...toolPermissionChecks,
  subagents: maybe(objectValue),
  unlisted: withDefault(oneOfStrings('refused', 'passed'), 'refused'),
})

const signChecks: OptionChecks<ClaudeSignOptions> & { readonly key: DefaultCheck } = Object.freeze({
  audience: maybe(didString),
  key: withDefault(nonEmptyString, 'xyz.ucan/container'),
})

/** Most calls of tools that are remembered between the hook and the tool. */
const maxCalls = 2_048

/** A call of a tool that the hook has permitted. */
export interface PermittedCall {
  readonly acting: Agent
  readonly command: string | CommandDefinition
}

/**
 * Puts an agent into a session of the Claude Agent SDK. A hook asks it before each tool, also before tools that are
 * allowed beforehand, for which `canUseTool` is not called. A refused call is denied with the reason. If the hook
 * fails, the call is blocked.
 *
 * A sub-agent acts with an agent of its own, which `attenuateFor` makes at its first call. Make one session for each
 * `query`.
 *
 * The hook runs in the process of the program, on behalf of Claude Code: it refuses early. The service behind the tool
 * decides.
 *
 * @throws ArgumentError when an argument is invalid.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { claudeSession } from 'procura/agent/claude'
 *
 * const assistant = await openAgent({ signer: agent })
 * const session = claudeSession(assistant, {
 *   tools: { mcp__mail__send: send },
 *   subagents: { writer: { commands: [send], purpose: 'write one mail' } },
 * })
 * const callback = async (input: { to: string }, extra: object) => {
 *   const result = await session.agentFor(extra).call(send, input)
 *   return { content: [{ type: 'text', text: result.ok ? 'sent' : result.message }] }
 * }
 * console.log(Object.keys(session.hooks), callback.length)
 * ```
 */
export function claudeSession(
  agent: ActingAgent<keyof Agent, ClaudeHookInput>,
  options: ClaudeSessionOptions,
): ClaudeSession {
  refuseOtherAgent('claudeSession', agent, 'attenuateFor')
  const { subagents = {}, unlisted, ...rest } = readOptions('claudeSession', options, checks)
  const ask = toolPermission('claudeSession', agent, rest)
  const commandOf = commandsOf(rest.tools)
  const taskOf = new Map(Object.entries(subagents))
  const children = new Map<string, Promise<Agent>>()
  const calls = createBoundedMap<PermittedCall>(maxCalls)

  async function actingFor(input: ClaudeHookInput): Promise<Agent | undefined> {
    const { agent_id: id, agent_type: type } = input
    const main = ((typeof agent === 'function' ? await agent(input) : agent) ?? undefined) as Agent | undefined
    if (id === undefined || main === undefined) return main
    const known = children.get(id)
    if (known !== undefined) return known
    // AGT-24
    const task = taskOf.get(type ?? '')
    if (task === undefined) return undefined
    const child = main.attenuateFor(task)
    children.set(id, child)
    child.catch(() => children.delete(id))
    return child
  }

  async function beforeTool(input: ClaudeHookInput, signal: AbortSignal): Promise<ClaudeHookAnswer> {
    const { tool_name: tool = '', tool_input: args, tool_use_id: id } = input
    const command = commandOf(tool)
    if (command === undefined && unlisted === 'passed') return {}
    let acting: Agent | undefined
    try {
      // A local tool runs without an agent, also where the agent of a sub-agent cannot be made.
      acting = command === undefined ? undefined : await actingFor(input)
    } catch (error) {
      if (!(error instanceof AttenuationError)) throw error
      return denied(error.message)
    }
    const answer = await ask(tool, args, { signal, acting: () => acting })
    if (!answer.permitted) return denied(answer.message)
    if (id === undefined || acting === undefined || command === undefined) return {}
    return remember(calls, id, { acting, command })
  }

  async function afterSubagent({ agent_id: id = '' }: ClaudeHookInput): Promise<ClaudeHookAnswer> {
    const child = children.get(id)
    children.delete(id)
    await child?.then((one) => one.close())
    return {}
  }

  return Object.freeze({
    hooks: {
      PreToolUse: [blocking((input, { signal }) => beforeTool(input, signal))],
      SubagentStop: [blocking(afterSubagent)],
    },
    agentFor(extra) {
      // AGT-25
      const call = calls.get(callId(Object(extra)._meta))
      if (call !== undefined) return call.acting
      throw new AuthorizationError(
        'agentFor: the hook has not permitted this call; pass `hooks` of the session to `query`, and the last argument of the callback',
      )
    },
    sign(server, options = {}) {
      const { audience, key } = readOptions('sign', options, signChecks)
      signIncoming(server, {
        key,
        async signed({ name, args, meta }) {
          const call = calls.get(callId(meta))
          if (call === undefined) return { message: `the hook has not permitted the call of ${quote(name)}` }
          return signCall(call, args, audience, rest.subject)
        },
      })
    },
  } satisfies ClaudeSession)
}

const usedBefore = 'the id of the call was used before, by another agent or for another tool'

/** The callback of a tool knows its call by the id alone. */
function remember(calls: BoundedMap<PermittedCall>, id: string, call: PermittedCall): ClaudeHookAnswer {
  const known = calls.get(id)
  if (known !== undefined && (known.acting !== call.acting || known.command !== call.command)) return denied(usedBefore)
  calls.set(id, call)
  return {}
}

async function signCall(
  { acting, command }: PermittedCall,
  args: Readonly<Record<string, unknown>>,
  audience: string | undefined,
  subject: string | undefined,
): Promise<{ readonly container: string } | { readonly message: string }> {
  const decision = await acting.authorize({
    command: command as CommandDefinition,
    args,
    ...(audience !== undefined && { audience }),
    ...(subject !== undefined && { subject }),
  })
  return decision.ok ? { container: decision.container } : { message: decision.denial.message }
}

function blocking(
  hook: (input: ClaudeHookInput, options: { readonly signal: AbortSignal }) => Promise<ClaudeHookAnswer>,
): ClaudeHookMatcher {
  return { hooks: [(input, _toolUseId, options) => hook(input, options)], onFailure: 'block' }
}

function denied(reason: string): ClaudeHookAnswer {
  return {
    hookSpecificOutput: {
      hookEventName: 'PreToolUse',
      permissionDecision: 'deny',
      permissionDecisionReason: reason,
    },
  }
}

/** Claude Code puts the id of the call into `_meta` of the request for the tool. */
function callId(meta: unknown): string {
  return String((Object(meta) as Readonly<Record<string, unknown>>)['claudecode/toolUseId'])
}
