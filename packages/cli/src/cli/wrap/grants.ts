import type { Policy } from 'procura'
import { describePolicy } from 'procura/policy'
import { editDistance } from '#support/nearest-name.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import { readPolicyTexts } from '../tokens/policy-text.ts'
import { UsageError } from '../usage-error.ts'

/** A delegation that `wrap` makes. */
export interface Grant {
  readonly server: string
  /** Undefined for all tools of the server. */
  readonly tool: string | undefined
  readonly command: string
  readonly policy: Policy
}

/** A part of the command line that names a tool. */
export interface ToolName {
  /** The server, as the client names it; undefined if it was not given. */
  readonly server: string | undefined
  /** Undefined for all tools. */
  readonly tool: string | undefined
}

/** The value of `--policy`: a tool, and a statement about its arguments. */
export interface ToolPolicy extends ToolName {
  readonly text: string
}

/** A server that is wrapped: its name in the client, and in the gateway. */
export interface NamedServer {
  readonly name: string
  readonly server: string
}

/**
 * Makes the grants of the servers. Without a policy and without tools, an agent may call every tool of a server. With
 * one of them, only the named tools. WRP-10
 *
 * @param servers - several projects may have a server of the same name.
 * @throws UsageError when a policy or a tool is malformed, or names none of the servers; when tools are named, but none
 *   of one of the servers; or when a policy seems to name a tool that is misspelt.
 */
export function grantsFor(
  servers: readonly NamedServer[],
  policies: readonly string[],
  tools: readonly string[],
): readonly Grant[] {
  const conditions = policies.map(readToolPolicy)
  const named = tools.map((text) => readToolName(text, '--tools'))
  const all = [...conditions, ...named]
  for (const one of all) checkServer(one, servers)
  // The same server of several projects is one server of the gateway.
  const distinct = new Map(servers.map((one) => [one.server, one] as const))
  return [...distinct.values()].flatMap(({ name, server }) => {
    const isOf = (one: ToolName): boolean => (one.server ?? name) === name
    if (all.length > 0 && !all.some(isOf))
      throw new UsageError(
        `no tool of ${name} is named, which would get every tool; name ${name}/TOOL or ${name}/*, or choose the others with --server`,
      )
    const own = conditions.filter(isOf)
    const listed = named.filter(isOf)
    checkSpelling(own, listed)
    const wanted = new Set([...own, ...listed].map(({ tool }) => tool))
    const general = own.filter(({ tool }) => tool === undefined)
    // A condition on all tools also holds for the tools that have conditions of their own.
    const names = [...wanted].filter((tool) => tool !== undefined)
    return (names.length > 0 ? names : [undefined]).map((tool) => {
      const texts = own.filter((one) => tool !== undefined && one.tool === tool)
      const policy = readPolicyTexts([...general, ...texts].map(({ text }) => text))
      return { server, tool, command: toolCommand(server, tool), policy }
    })
  })
}

/**
 * Checks that no policy has a misspelt tool: the tool that was meant would be delegated without it.
 *
 * @throws UsageError when a policy names a tool that is not listed, and a listed tool without a policy has nearly that
 *   name.
 */
function checkSpelling(conditions: readonly ToolName[], listed: readonly ToolName[]): void {
  const has = (all: readonly ToolName[], tool: string): boolean => all.some((one) => one.tool === tool)
  for (const { tool } of conditions) {
    if (tool === undefined || has(listed, tool)) continue
    const meant = listed.find(
      (one) => one.tool !== undefined && !has(conditions, one.tool) && isMisspelt(tool, one.tool),
    )
    if (meant !== undefined)
      throw new UsageError(
        `--policy names the tool ${tool}, and --tools gives ${meant.tool} without a policy; correct the name, or add --tools ${tool} if there are two tools`,
      )
  }
}

/** Whether the first letter is the same, and at most two others differ. */
function isMisspelt(tool: string, known: string): boolean {
  const [written, meant] = [tool.toLowerCase(), known.toLowerCase()]
  return written[0] === meant[0] && editDistance(written.slice(0, 64), meant.slice(0, 64)) <= 2
}

/** @throws UsageError when the name is of none of the servers, or a server is named with a colon. */
export function checkServer({ server, tool }: ToolName, servers: readonly Pick<NamedServer, 'name'>[]): void {
  const names = [...new Set(servers.map(({ name }) => name))]
  const [before = '', ...rest] = tool?.split(':') ?? []
  if (rest.length > 0 && names.includes(before))
    throw new UsageError(`a tool of ${before} is named with a colon; write ${before}/${rest.join(':')}`)
  if (server !== undefined) {
    if (!names.includes(server))
      throw new UsageError(`a tool of ${server} is named, and ${server} is not one of the servers that are wrapped now`)
  } else if (names.length > 1)
    throw new UsageError(
      `several servers are wrapped now; write SERVER/TOOL for a tool (${names.slice(0, 8).join(', ')}), or choose one with --server`,
    )
}

/** Reads `TOOL: STATEMENT`, `SERVER/TOOL: STATEMENT`, or `*` in the place of the tool. The statement is not read. */
export function readToolPolicy(text: string): ToolPolicy {
  const colon = text.indexOf(':')
  if (colon < 1)
    throw new UsageError('--policy must be TOOL: STATEMENT, such as "send: .to like *@example.com"; * is every tool')
  const statement = text.slice(colon + 1).trim()
  if (statement === '') throw new UsageError('--policy has no statement behind the tool')
  return { ...readToolName(text.slice(0, colon).trim(), '--policy'), text: statement }
}

/** Reads `TOOL`, `SERVER/TOOL`, or `*` in the place of the tool. */
export function readToolName(text: string, option: string): ToolName {
  const slash = text.indexOf('/')
  const [server, tool] = slash < 0 ? [undefined, text] : [text.slice(0, slash), text.slice(slash + 1)]
  if (tool === '' || server === '') throw new UsageError(`${option} must name a tool: TOOL or SERVER/TOOL`)
  return { server, tool: tool === '*' ? undefined : tool }
}

/**
 * A grant in words.
 *
 * @param may - what it permits. Default: to call its tool, or every tool of its server.
 */
export function describeGrant(
  { server, tool, policy }: Grant,
  may: string = `call ${tool === undefined ? `every tool of ${server}` : `the tool ${tool} of ${server}`}`,
): readonly string[] {
  return [`may ${may}${policy.length === 0 ? '' : ', if'}`, ...describePolicy(policy).map((words) => `  ${words}`)]
}

/**
 * The servers of which single tools are delegated, for people: the other tools are not. WRP-71
 *
 * @param isDry - whether the options of the run can still be changed.
 */
export function describeOthers(grants: readonly Grant[], isDry: boolean): readonly string[] {
  const servers = new Set(grants.flatMap(({ server, tool }) => (tool === undefined ? [] : [server])))
  return [...servers].map(
    (server) =>
      `the other tools of ${server} are not delegated; ${isDry ? 'name each that the agent needs with --tools' : `for each that the agent needs, run \`procura allow ${server}/TOOL\``}`,
  )
}
