// node only: reads and writes files
import { join } from 'node:path'
import { never, systemClock } from 'procura'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { toolCommand, toolOfCommand } from '../../gateway/wire/tool-command.ts'
import { seenTools } from '../doctor/check-tools.ts'
import { endOf } from '../doctor/new-delegation.ts'
import { agentAuthorities, wordsOf } from '../gateway/agent-authority.ts'
import { authorityLines } from '../gateway/status.ts'
import { agentStores } from '../home/agent-stores.ts'
import { checkHome } from '../home/check-home.ts'
import type { GatewayFile } from '../home/gateway-file.ts'
import { finishExchanges, type Replaced, replaceDelegations, type Terms } from '../home/replace-delegations.ts'
import { stillValid } from '../home/revoke-agent.ts'
import { checkAgent, checkIssuer, inHome, openWrapHome } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { MissingKeyError, UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf, textsOf } from '../verb.ts'
import { describeGrant } from '../wrap/grants.ts'
import { hasLimits, liftedConditions, type PolicyPlan, planPolicy, readPolicies } from './plan-policy.ts'
import {
  checkNothingBeside,
  chosenAgent,
  gatewayWith,
  isWide,
  reaches,
  type ServerAuthority,
  serverAuthority,
} from './server-authority.ts'

/**
 * `procura policy SERVER`: shows what each agent may do with the tools of a server, or changes the policy of some of
 * them. CLI-38
 *
 * @returns 1 when nothing may be called, nothing had to be changed, or the gateway has not taken a revocation.
 */
export async function policy(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const server = operandOf(words, 'the name of a server')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await gatewayWith(home, server)
  const texts = textsOf(flags, 'policy')
  if (texts.length === 0) {
    const other = ['add', 'dry-run'].find((name) => flags[name] !== undefined)
    if (other !== undefined) throw new UsageError(`--${other} needs --policy with the conditions`)
    return show(home, server, flags, host)
  }
  const wanted = readPolicies(server, texts, flags['add'] === true)
  return changeAuthority({ home, server, gateway, flags, host }, async (authority) => {
    const commands = wanted.general.length > 0 ? undefined : [...wanted.named.keys()]
    checkNothingBeside(authority, commands)
    return planPolicy(authority, wanted, await seenTools(home, server))
  })
}

/** Prints the authority of each agent for a server, without a question. */
async function show(home: string, server: string, flags: Flags, host: Host): Promise<number> {
  const all = await agentAuthorities(home, flags, host)
  const given = textOf(flags, 'agent')
  if (given !== undefined && !all.some(({ name }) => name === given)) await chosenAgent(home, server, flags, host)
  const tools = await seenTools(home, server)
  const agents = all
    .filter(({ name }) => given === undefined || name === given)
    .map((one) => ({ ...one, may: one.may.filter(({ command }) => reaches(command, server)) }))
    .map((one) => ({ ...one, cannot: tools?.filter((tool) => !permits(one.may, tool)) ?? null }))
    .filter(({ may, fault }) => may.length > 0 || fault !== undefined || given !== undefined)
  if (flags['json'] === true) host.print(JSON.stringify({ server, agents }))
  const now = systemClock.now()
  for (const { name, may, fault, cannot } of flags['json'] === true ? [] : agents) {
    host.print(`agent ${name}:${fault === undefined ? (may.length === 0 ? ' may do nothing' : '') : ` ${fault}`}`)
    for (const one of may) for (const line of authorityLines(one, now, name)) host.print(line)
    if (fault === undefined && cannot !== null && cannot.length > 0)
      host.print(`  cannot call: ${cannot.map((tool) => printable(tool)).join(', ')}`)
  }
  if (agents.every(({ may }) => may.length === 0)) host.complain(`no agent may call a tool of ${server}`)
  return agents.some(({ may }) => may.length > 0) ? 0 : 1
}

/** The name of a tool in a list. A comma or a space in it would be another name. */
function printable(tool: string): string {
  return /^[\w.-]+$/.test(tool) ? tool : JSON.stringify(tool)
}

function permits(may: readonly { readonly command: string }[], tool: string): boolean {
  return may.some(({ command }) => {
    const named = toolOfCommand(command)
    return isWide(command) || (named !== undefined && (named.tool ?? tool) === tool)
  })
}

/** A change of the authority of one agent for a server. */
interface Change {
  readonly home: string
  readonly server: string
  readonly gateway: GatewayFile
  readonly flags: Flags
  readonly host: Host
}

/** Plans a change, and carries it out or, with `--dry-run`, shows it. */
export async function changeAuthority(
  { home, server, gateway, flags, host }: Change,
  plan: (authority: ServerAuthority) => Promise<PolicyPlan>,
): Promise<number> {
  const agent = await chosenAgent(home, server, flags, host)
  if (flags['dry-run'] === true) {
    const { secrets, delegations: tokens, unchecked } = await checkHome(home, gateway, agent, flags, host)
    const isOpen = unchecked.length === 0
    const authority = await serverAuthority(home, agent, server, {
      ...{ secrets: isOpen ? secrets : undefined, tokens, gateway },
    })
    const code = report(authority, await plan(authority), undefined, gateway, flags, host)
    for (const part of unchecked) host.complain(`not checked: ${part}, because a dry run asks for no passphrase`)
    return code
  }
  const given = await agentTokens(join(home, 'agents', agent), flags, host)
  // A mistake is found before a person has typed a passphrase.
  if (given !== undefined) await plan(await serverAuthority(home, agent, server, { secrets: undefined, tokens: given }))
  return inHome(home, async (lock) => {
    const opened = await openWrapHome(home, flags, host, lock)
    checkIssuer(opened)
    // Before an interrupted change is finished, which needs the same file.
    await checkAgent(opened, agent)
    for (const message of await finishExchanges(opened)) host.complain(message)
    const tokens = await checkAgent(opened, agent)
    const authority = await serverAuthority(home, agent, server, { secrets: opened.secrets, tokens, gateway })
    const planned = await plan(authority)
    const { ended, next } = planned
    const done = next.length === 0 ? undefined : await replaceDelegations(opened, agent, ended, next)
    return report(authority, planned, done, gateway, flags, host)
  })
}

/** The delegations in the file of an agent, without a question; undefined if it is encrypted and has no key at hand. */
async function agentTokens(folder: string, flags: Flags, host: Host): Promise<readonly Uint8Array[] | undefined> {
  try {
    return await (await agentStores(flags, { ...host, isTerminal: false })(folder)).load({})
  } catch (error) {
    if (error instanceof MissingKeyError) return undefined
    throw error
  }
}

function report(
  { agent, server }: ServerAuthority,
  { before, ended, next }: PolicyPlan,
  done: Replaced | undefined,
  { listen }: GatewayFile,
  flags: Flags,
  host: Host,
): number {
  const isDry = flags['dry-run'] === true
  const lifted = before.length === 0 ? [] : liftedConditions(before, next)
  const isDone = done === undefined || done.left.length === 0
  if (flags['json'] === true)
    host.print(
      JSON.stringify({
        ...{ server, agent, dryRun: isDry, before: before.map(factsOf), after: next.map(factsOf), lifted },
        ...(done !== undefined && { revoked: done.done.map(({ cid }) => cid.toString()) }),
      }),
    )
  if (next.length === 0) {
    host.complain(`the agent ${agent} has this policy for ${server} already; nothing is changed`)
    return 1
  }
  const print = (line: string): void => (flags['json'] === true ? undefined : host.print(line))
  if (before.length > 0) for (const line of [`agent ${agent}, before:`, ...linesOf(server, before)]) print(line)
  for (const line of [`agent ${agent}, ${isDry ? 'after' : 'now'}:`, ...linesOf(server, next)]) print(line)
  if (lifted.length > 0)
    for (const line of ['warning: this is wider than before; lifted:', ...lifted.map((one) => `  ${one}`)])
      host.complain(line)
  if (ended.length > 0 && next.some(hasLimits)) host.complain('its limits are counted from zero again')
  if (isDry) host.complain('dry run: nothing is written')
  else for (const line of effectLines(agent, done as Replaced, listen)) host.complain(line)
  return isDone ? 0 : 1
}

/** What becomes of the former delegations, and when the new ones are used. */
function effectLines(
  agent: string,
  { done, left, messages }: Replaced,
  listen: GatewayFile['listen'],
): readonly string[] {
  const isReplaced = done.length + left.length > 0
  const revoked = `revoked ${done.length} former ${done.length === 1 ? 'delegation' : 'delegations'}`
  const session =
    listen.address === undefined || !isReplaced
      ? 'a session that is open has this from its next call on; the gateway needs no reload'
      : 'a session that is open ends, and a new one has this; the gateway needs no reload'
  return [
    ...(done.length === 0 ? [] : [`${revoked}, with all that the agent has passed on from it`]),
    ...messages,
    ...stillValid(left),
    ...(left.length === 0 ? [] : [`to revoke it later, run ${endOf(agent, left)}`]),
    session,
  ]
}

function factsOf({ command, policy, expiration }: Terms): object {
  return { command, policy, expiration: expiration === never ? null : expiration }
}

/** Delegations in words, and their ends. Tools with the same policy and end have one line. */
function linesOf(server: string, all: readonly Terms[]): readonly string[] {
  const now = systemClock.now()
  const groups = new Map<string, Terms[]>()
  for (const one of all) {
    const key = JSON.stringify([one.policy, one.expiration === never ? null : one.expiration])
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return [...groups.values()].flatMap(([first, ...more]) => {
    const { command, policy, expiration } = first as Terms
    const tools = [first as Terms, ...more].map((one) => toolOfCommand(one.command)?.tool)
    const isOne = more.length === 0 || tools.some((tool) => tool === undefined)
    const words = isOne
      ? wordsOf(command, policy)
      : describeGrant(
          { server, tool: undefined, command: toolCommand(server), policy },
          `call the tools ${tools.map((tool) => printable(tool as string)).join(', ')} of ${server}`,
        )
    return authorityLines({ words, expiration: expiration === never ? null : expiration }, now)
  })
}
