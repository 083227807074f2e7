/**
 * Puts the signed invocation into the requests of an MCP client. All knowledge of the wire is in this file.
 *
 * @module
 */

import type { Agent, AgentCapability } from '../agent/agent.ts'
import { toolsByName } from '../agent/tools-by-name.ts'
import type { CommandDefinition } from '../core/capability/definition.ts'
import { encodeContainer } from '../core/container/container.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import { ArgumentError, MalformedError } from '../errors.ts'
import {
  type DefaultCheck,
  didString,
  maybe,
  type OptionCheck,
  type OptionChecks,
  objectValue,
  readOptions,
  withDefault,
  withMethod,
} from '../support/options.ts'
import { quote } from '../support/quote.ts'
import { defaultMetaKey, metaKeyCheck } from './meta-key.ts'
import { denialResult, type ToolDenial, toolDenialOf } from './tool-denial.ts'

/** The transport of an MCP client, of either SDK or of another library. */
export interface InvocationTransport {
  send(message: never, ...rest: never[]): Promise<void>
  onmessage?: unknown
}

/**
 * The command of each tool, by the name of the tool; a list of definitions, whose tools have the names of `toolOf`; or
 * a function that finds the command.
 */
export type ToolCommands =
  | readonly CommandDefinition[]
  | { readonly [tool: string]: string | CommandDefinition }
  | ((tool: string) => string | CommandDefinition | undefined)

/** Options of {@link withInvocation}. */
export interface WithInvocationOptions {
  /** The command of each tool, by its name, as the server has it. A call of another tool is refused and not sent. */
  readonly tools: ToolCommands
  /** The DID of the service behind the tools. Default: as of the agent, see `AgentRequest.audience`. */
  readonly audience?: string
  /** The owner of the authority. Default: the only subject whose delegations permit the call. */
  readonly subject?: string
  /** The key of `_meta` under which the container travels. Default `xyz.ucan/container`. */
  readonly key?: string
}

const toolsCheck: OptionCheck = (value) =>
  typeof value === 'function' || Array.isArray(value) || objectValue(value) === undefined
    ? undefined
    : 'must be an object with the command of each tool, a list of definitions, or a function'

const checks: OptionChecks<WithInvocationOptions> & { readonly key: DefaultCheck } = Object.freeze({
  tools: toolsCheck,
  audience: maybe(didString),
  subject: maybe(didString),
  key: withDefault(metaKeyCheck, defaultMetaKey),
})

/** A message of JSON-RPC. */
interface Message {
  readonly method?: unknown
  readonly id?: unknown
  readonly params?: Readonly<Record<string, unknown>>
}

/**
 * Wraps the transport of an MCP client. Each `tools/call` is signed by the agent for its arguments, and the container
 * is put into `_meta`; a request for the list of tools carries the delegations of the agent. A call that the agent may
 * not make is answered at once, as a service would, and is not sent. Other messages pass unchanged.
 *
 * @returns the transport, for `client.connect`. The given one is not changed.
 * @throws ArgumentError when an argument is not of its type.
 *
 * @example
 * ```ts
 * import { openAgent } from 'procura/agent'
 * import { withInvocation } from 'procura/mcp'
 *
 * const assistant = await openAgent({ signer: agent })
 * await assistant.receive(received)
 * const signing = withInvocation(transport, assistant, { tools: { send_mail: send }, audience: service.did })
 * ```
 */
export function withInvocation<T extends InvocationTransport>(
  transport: T,
  agent: Pick<Agent, 'authorize' | 'capabilities'>,
  options: WithInvocationOptions,
): T {
  readOptions('withInvocation', { transport, agent }, { transport: withMethod('send'), agent: withMethod('authorize') })
  const given = readOptions('withInvocation', options, checks)
  const commandOf = commandsOf(given.tools)
  const { key, audience, subject } = given
  /** Calls that are being signed, by the id of their request. */
  const signing = new Map<unknown, AbortController>()

  async function send(message: Message, ...rest: unknown[]): Promise<void> {
    const pass = (changed: Message): Promise<void> => (transport.send as Send).call(transport, changed, ...rest)
    if (message.method === 'notifications/cancelled') {
      const pending = signing.get(message.params?.requestId)
      // The server has not seen the request.
      if (pending !== undefined) return pending.abort()
    }
    if (message.method === 'tools/list') return pass(await withDelegations(message))
    if (message.method !== 'tools/call') return pass(message)
    const signed = await sign(message)
    if (signed === undefined) return
    if ('code' in signed) return answer(message, signed)
    return pass(signed.message)
  }

  /** MCP-13: the signed arguments are those of the request. Undefined when the request was cancelled. */
  async function sign(message: Message): Promise<{ readonly message: Message } | ToolDenial | undefined> {
    const { name, arguments: args = {} } = message.params ?? {}
    const command = typeof name === 'string' ? commandOf(name) : undefined
    const denial = denialWithoutAgent(name, command, args)
    if (denial !== undefined) return denial
    const controller = new AbortController()
    const { signal } = controller
    signing.set(message.id, controller)
    try {
      const decision = await agent.authorize({
        command: command as CommandDefinition,
        args: args as Readonly<Record<string, unknown>>,
        signal,
        ...(audience !== undefined && { audience }),
        ...(subject !== undefined && { subject }),
      })
      if (signal.aborted) return undefined
      return decision.ok ? { message: withMeta(message, key, decision.container) } : toolDenialOf(decision.denial)
    } catch (error) {
      if (signal.aborted) return undefined
      // A mistake of the model: arguments that no token can contain, such as `__proto__`, or that are too large.
      const isOfInput = error instanceof ArgumentError || error instanceof MalformedError
      if (!isOfInput || !error.message.startsWith('`args')) throw error
      return { code: 'malformed', message: error.message, requirement: 'MCP-14' }
    } finally {
      signing.delete(message.id)
    }
  }

  /** MCP-15 */
  async function withDelegations(message: Message): Promise<Message> {
    // The server answers to malformed parameters.
    if (objectValue(message.params ?? {}) !== undefined) return message
    const capabilities = await agent.capabilities({ ...(subject !== undefined && { subject }) })
    const chosen = chooseDelegations(capabilities, knownCommands(given.tools))
    return chosen.length === 0 ? message : withMeta(message, key, encodeContainer(chosen))
  }

  /** MCP-14: the refusal reaches the client as a response of the server. */
  function answer({ id, params }: Message, denial: ToolDenial): void {
    const isStateless = Object.hasOwn(Object(params?._meta), 'io.modelcontextprotocol/protocolVersion')
    const result = { ...denialResult(key, denial), ...(isStateless && { resultType: 'complete' }) }
    const { onmessage } = transport
    if (typeof onmessage === 'function') onmessage.call(transport, { jsonrpc: '2.0', id, result })
  }

  return withSend(transport, send)
}

/** Most tokens of a container that a server reads. */
const mostTokens = 64

/** The delegations for a list of tools: a chain for each command and subject first, and others as far as they fit. */
function chooseDelegations(
  capabilities: readonly AgentCapability[],
  commands: readonly string[] | undefined,
): readonly Delegation[] {
  const named = (commands ?? capabilities.map(({ command }) => command)).flatMap((command) => {
    const covering = capabilities.filter((one) => isWithin(command, one.command))
    return [...new Map(covering.toReversed().map((one) => [one.subject, one] as const)).values()]
  })
  const chosen = new Map<string, Delegation>()
  for (const { proofs } of [...named, ...capabilities]) {
    const more = proofs.filter(({ cid }) => !chosen.has(String(cid)))
    if (chosen.size + more.length > mostTokens) continue
    for (const one of more) chosen.set(String(one.cid), one)
  }
  return [...chosen.values()]
}

function isWithin(command: string, above: string): boolean {
  return above === '/' || command === above || command.startsWith(`${above}/`)
}

/** The commands of the tools; undefined for a function, which has no list of them. */
function knownCommands(tools: ToolCommands): readonly string[] | undefined {
  if (typeof tools === 'function') return undefined
  return Object.values(tools).map((one: string | CommandDefinition) => (typeof one === 'string' ? one : one.command))
}

/** The refusal of a call of an unknown tool, and of arguments that are not an object: a mistake of the model. */
function denialWithoutAgent(name: unknown, command: unknown, args: unknown): ToolDenial | undefined {
  const tool = quote(typeof name === 'string' ? name : typeof name)
  if (command === undefined) {
    return {
      code: 'tool_unknown',
      message: `no command is configured for the tool ${tool}; add it to \`tools\` of withInvocation`,
      requirement: 'MCP-13',
    }
  }
  const fault = objectValue(args)
  if (fault === undefined) return undefined
  return { code: 'malformed', message: `the arguments of the tool ${tool} ${fault}`, requirement: 'MCP-14' }
}

/** The transport with another `send`. Its other methods need the transport itself as `this`, for private fields. */
function withSend<T extends InvocationTransport>(transport: T, send: Send): T {
  return new Proxy(transport, {
    get(target, property) {
      if (property === 'send') return send
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' && !isCallback(property) ? value.bind(target) : value
    },
    set: (target, property, value) => Reflect.set(target, property, value, target),
  })
}

type Send = (message: Message, ...rest: unknown[]) => Promise<void>

/** The callbacks that a client sets are not methods of the transport. */
function isCallback(property: string | symbol): boolean {
  return typeof property === 'string' && property.startsWith('on')
}

function withMeta(message: Message, key: string, container: string): Message {
  const params = fieldsOf(message.params)
  return { ...message, params: { ...params, _meta: { ...fieldsOf(params['_meta']), [key]: container } } }
}

/** The fields of an object of the client. Null is like an absent value; the characters of a string are no fields. */
function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return objectValue(value) === undefined ? (value as Readonly<Record<string, unknown>>) : {}
}

/** The name of a tool is foreign: it finds no inherited property. */
function commandsOf(tools: ToolCommands): (tool: string) => string | CommandDefinition | undefined {
  if (typeof tools === 'function') return tools
  const named = Array.isArray(tools) ? toolsByName(tools as readonly CommandDefinition[]) : tools
  const table = new Map<string, string | CommandDefinition>(Object.entries(named))
  return (tool) => table.get(tool)
}
