// node only: reads files
import type { Clock, Signer } from 'procura'
import { type Agent, openAgent } from 'procura/agent'
import { ArgumentError } from 'procura/errors'
import { describeSignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import {
  flag,
  maybe,
  nonEmptyArrayOf,
  nonEmptyString,
  type OptionChecks,
  objectValue,
  readOptions,
  withMethod,
} from '#support/options.ts'
import { quote } from '#support/quote.ts'
import { toolCommand } from '../../wire/tool-command.ts'
import { readConnection } from '../connect/connection-file.ts'
import { delegationsOpener } from '../connect/unlock.ts'

/** Options of {@link answerHook}. */
export interface AnswerHookOptions {
  /** The folder of the agent, with `connect.json`. */
  readonly agent: string
  /** The servers of the gateway. `Mail=mail` if the client calls the server `mail` of the gateway `Mail`. */
  readonly servers: readonly string[]
  /** Whether a call passes that an approval could permit, so that the gateway can ask for it. Default false. */
  readonly passApprovable?: boolean
  /** The key of encrypted delegations. Default: `unlock` of `connect.json`, or they are not encrypted. */
  readonly delegationsKey?: FileKey
  /** Default: the host's clock. */
  readonly clock?: Clock
}

const checks: OptionChecks<AnswerHookOptions> = Object.freeze({
  agent: nonEmptyString,
  servers: nonEmptyArrayOf(nonEmptyString),
  passApprovable: maybe(flag),
  delegationsKey: maybe(objectValue),
  clock: maybe(withMethod('now')),
})

/** The answer to a hook: a refusal in the form that Claude Code and Codex read. */
export interface HookRefusal {
  readonly hookSpecificOutput: {
    readonly hookEventName: 'PreToolUse'
    readonly permissionDecision: 'deny'
    /** The reason, for the model. */
    readonly permissionDecisionReason: string
  }
}

/**
 * Answers a `PreToolUse` hook of Claude Code or Codex: asks the delegations of the agent whether they permit the call
 * of a tool. It is an early refusal with the reason. It is not the boundary: the gateway decides about each call.
 *
 * @param input - the JSON that the client writes to the standard input of a hook.
 * @returns a refusal; undefined when the call is permitted, or is not of one of the servers.
 * @throws ArgumentError when the input is of another form, or an option is invalid; errors of the files. The call must
 *   then be blocked.
 *
 * @example
 * ```ts
 * import { answerHook } from 'procura-cli'
 *
 * const refusal = await answerHook('{ … }', { agent: './agents/assistant', servers: ['mail'] })
 * if (refusal !== undefined) process.stdout.write(JSON.stringify(refusal))
 * ```
 */
export async function answerHook(input: string, options: AnswerHookOptions): Promise<HookRefusal | undefined> {
  const given = readOptions('answerHook', options, checks)
  const servers = given.servers.map(readServer)
  const { tool, args } = readInput(input)
  const targets = servers.flatMap((one) => targetOf(tool, one))
  if (targets.length === 0) return undefined
  if (objectValue(args) !== undefined) throw new ArgumentError('the hook has no `tool_input` that is an object')
  const { agent, subject } = await openWithoutKey(given)
  // Two names of servers can begin a name of a tool. It does not show which one is meant, so that both must permit it.
  for (const { server, name } of targets) {
    if (name === '') return refuse('the name of the tool is missing')
    const answer = await agent.can(toolCommand(server, name), args as Readonly<Record<string, unknown>>, { subject })
    if (answer.ok) continue
    const { message, approvable } = answer.denial
    if (approvable !== undefined && given.passApprovable === true) continue
    return refuse(`${message}. ${approvable !== undefined ? mayBeApproved : 'Do not repeat the call unchanged.'}`)
  }
  return undefined
}

const mayBeApproved = 'Change the arguments, or ask somebody with the authority for an approval.'

function refuse(reason: string): HookRefusal {
  return {
    hookSpecificOutput: {
      hookEventName: 'PreToolUse',
      permissionDecision: 'deny',
      permissionDecisionReason: `Denied by procura: ${reason}`,
    },
  }
}

/** HKS-01: a hook of another form is not understood, so that its call must not pass. */
function readInput(text: string): { readonly tool: string; readonly args: unknown } {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    throw new ArgumentError('the input of the hook is not JSON', { cause })
  }
  const {
    hook_event_name: event,
    tool_name: tool,
    tool_input: args,
  } = Object(read) as Readonly<Record<string, unknown>>
  if (event !== 'PreToolUse')
    throw new ArgumentError('the hook is not a PreToolUse hook; install it for that event alone')
  if (typeof tool !== 'string' || tool === '') throw new ArgumentError('the hook has no `tool_name`')
  return { tool, args }
}

interface KnownServer {
  readonly client: string
  readonly server: string
}

function readServer(text: string): KnownServer {
  const at = text.lastIndexOf('=')
  const [client, server] = at < 0 ? [text, text] : [text.slice(0, at), text.slice(at + 1)]
  toolCommand(server)
  if (client === '') throw new ArgumentError(`${quote(text)} has no name before the equals sign`)
  // The clients write other characters of a name as `_`.
  return { client: client.replace(/[^A-Za-z0-9_-]/g, '_'), server }
}

/** HKS-02: the tools of other servers, and of the client itself, are not the business of this hook. */
function targetOf(tool: string, { client, server }: KnownServer): { readonly server: string; readonly name: string }[] {
  const begin = `mcp__${client}`
  if (tool === begin) return [{ server, name: '' }]
  return tool.startsWith(`${begin}__`) ? [{ server, name: tool.slice(begin.length + 2) }] : []
}

/** HKS-03: a question needs no key, so that the private key is not used. */
async function openWithoutKey(given: AnswerHookOptions): Promise<{ readonly agent: Agent; readonly subject: string }> {
  const connection = await readConnection(given.agent)
  const { key, subject } = connection
  const { keys } = await describeSignerFile({ path: key })
  const [{ did, algorithm }] = keys as [(typeof keys)[number]]
  const signer: Signer = {
    did,
    algorithm,
    publicKey: new Uint8Array(),
    sign: () => Promise.reject(new ArgumentError('a hook signs nothing')),
  }
  const { clock, delegationsKey } = given
  const store = await delegationsOpener(connection, delegationsKey)()
  return { agent: await openAgent({ signer, store, ...(clock !== undefined && { clock }) }), subject }
}
