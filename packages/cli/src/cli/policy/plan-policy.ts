import type { Command, Delegation, Policy } from 'procura'
import { ArgumentError } from 'procura/errors'
import { describePolicy, findWidening, type Statement } from 'procura/policy'
import { quote } from '#support/quote.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Terms } from '../home/replace-delegations.ts'
import { readPolicyTexts } from '../tokens/policy-text.ts'
import { UsageError } from '../usage-error.ts'
import { readToolPolicy } from '../wrap/grants.ts'
import { assertTool } from './assert-tool.ts'
import type { ServerAuthority } from './server-authority.ts'

/** The conditions of a command line for the tools of a server. */
export interface WantedPolicies {
  /** For every tool. */
  readonly general: readonly string[]
  /** For single tools, by their commands. */
  readonly named: ReadonlyMap<Command, { readonly tool: string; readonly texts: readonly string[] }>
  /** Whether they are added to those of before. */
  readonly adds: boolean
}

/** Reads the values of `--policy`: `TOOL: STATEMENT`, as `wrap` takes them. */
export function readPolicies(server: string, given: readonly string[], adds: boolean): WantedPolicies {
  const general: string[] = []
  const named = new Map<Command, { tool: string; texts: string[] }>()
  for (const { server: other = server, tool, text } of given.map(readToolPolicy)) {
    if (other !== server)
      throw new UsageError(`--policy names a tool of ${quote(other)}, and this changes those of ${quote(server)}`)
    readPolicyTexts([text])
    if (tool === undefined) {
      general.push(text)
      continue
    }
    const command = toolCommand(server, tool)
    named.set(command, { tool, texts: [...(named.get(command)?.texts ?? []), text] })
  }
  return { general, named, adds }
}

/** A change of the delegations of an agent for a server. */
export interface PolicyPlan {
  /** Delegations that end. */
  readonly ended: readonly Delegation[]
  /** Those of them that the agent has in its file. */
  readonly before: readonly Delegation[]
  readonly next: readonly Terms[]
}

/**
 * Plans the next delegations of an agent. A delegation for all tools becomes one for each tool that the server has, if
 * single tools are named; the other tools keep the policy that they had. Each ends when the one that it replaces
 * ends. WRP-52
 *
 * @param tools - of the server; undefined if the gateway has not seen them.
 * @throws UsageError when the agent may not call a named tool, or the tools are unknown.
 */
export function planPolicy(
  authority: ServerAuthority,
  wanted: WantedPolicies,
  tools: readonly string[] | undefined,
): PolicyPlan {
  const { server, current, earlier } = authority
  const whole = toolCommand(server)
  const { named, general } = wanted
  const isSplit = named.size > 0
  for (const [command, { tool }] of named) checkPermitted(authority, command, tool, tools)
  if (isSplit && current.some((one) => one.command === whole && hasLimits(one)))
    throw new UsageError(
      `the tools of ${server} share a limit, which each of them would get for itself; write "*: …" to change the policy of all of them`,
    )
  const commandsOf = ({ command }: Delegation): readonly Command[] =>
    command === whole && isSplit ? commandsIn(server, tools ?? []) : [command]
  const ended: Delegation[] = []
  const next: Terms[] = []
  for (const one of current) {
    const parts = commandsOf(one).map((command) => ({ command, policy: policyFor(wanted, command, one.policy) }))
    if (parts.every(({ policy }) => isSame(policy, one.policy))) continue
    const { audience, expiration, notBefore } = one
    ended.push(one)
    for (const part of parts)
      next.push({ ...part, audience, expiration, ...(notBefore !== undefined && { notBefore }) })
  }
  if (ended.length === 0) return { ended, before: [], next }
  const isLeftOver = ({ command }: Delegation): boolean => command === whole || named.has(command) || general.length > 0
  return { ended: [...ended, ...earlier.filter(isLeftOver)], before: ended, next: distinct(next) }
}

/** Whether a policy counts calls. A delegation in the place of another one counts from zero. */
export function hasLimits({ policy }: Pick<Terms, 'policy'>): boolean {
  return policy.some(([operator]) => operator.startsWith('limit/'))
}

/** The commands of tools. A name that is too long has none, so no agent can call the tool. */
function commandsIn(server: string, tools: readonly string[]): readonly Command[] {
  return tools.flatMap((tool) => {
    try {
      return [toolCommand(server, tool)]
    } catch (error) {
      if (error instanceof ArgumentError) return []
      throw error
    }
  })
}

function policyFor({ general, named, adds }: WantedPolicies, command: Command, before: Policy): Policy {
  const texts = [...general, ...(named.get(command)?.texts ?? [])]
  if (texts.length === 0) return before
  const given = readPolicyTexts(texts)
  return adds ? ([...before, ...given.filter((one) => !before.some((old) => isSame(old, one)))] as Policy) : given
}

function checkPermitted(
  { agent, server, current }: ServerAuthority,
  command: Command,
  tool: string,
  tools: readonly string[] | undefined,
): void {
  if (current.some((one) => one.command === command)) return
  assertTool(server, tool, tools)
  if (!current.some((one) => one.command === toolCommand(server)))
    throw new UsageError(
      `the agent ${agent} cannot call the tool ${quote(tool)} of ${server}; add it with \`procura allow ${shellQuoted(`${server}/${tool}`)} --agent ${agent}\``,
    )
  if (tools === undefined)
    throw new UsageError(
      `the agent ${agent} may call every tool of ${server}, and the gateway has not seen its tools yet, so ${quote(tool)} cannot be told from the others; run \`procura start\` once, or write "*: …" for every tool`,
    )
}

/** Terms of which none says the same as another. The latest end counts. */
function distinct(all: readonly Terms[]): readonly Terms[] {
  const found = new Map<string, Terms>()
  for (const one of all) {
    const key = JSON.stringify([one.command, one.policy, one.notBefore ?? null])
    const other = found.get(key)
    if (other === undefined || endOf(one) > endOf(other)) found.set(key, one)
  }
  return [...found.values()]
}

function endOf({ expiration }: Terms): number {
  return typeof expiration === 'number' ? expiration : Number.POSITIVE_INFINITY
}

/**
 * The conditions of before that the next delegations lift, in words: each call that they refused may be permitted now.
 * A condition that stays, or that another one is narrower than, is not lifted. WRP-53
 */
export function liftedConditions(
  before: readonly Pick<Terms, 'command' | 'policy'>[],
  next: readonly Pick<Terms, 'command' | 'policy'>[],
): readonly string[] {
  const lines = next.flatMap(({ command, policy }) => {
    const former = before.filter((one) => command === one.command || command.startsWith(`${one.command}/`))
    const lifted = former.map((one) => one.policy.filter((statement) => !isKept(statement, policy)))
    // One of several permitted it already.
    if (lifted.length === 0 || lifted.some(({ length }) => length === 0)) return []
    return describePolicy(lifted[0] as Policy)
  })
  return [...new Set(lines)]
}

function isKept(statement: Statement, policy: Policy): boolean {
  const outer = [statement] as Policy
  return policy.some((one) => {
    const inner = [one] as Policy
    // Statements that are not compared widen each other in neither direction.
    return (
      isSame(statement, one) || (findWidening(outer, inner) === undefined && findWidening(inner, outer) !== undefined)
    )
  })
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
