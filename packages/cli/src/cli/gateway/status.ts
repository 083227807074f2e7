// node only: reads files
import { dirname } from 'node:path'
import { systemClock } from 'procura'
import { quote } from '#support/quote.ts'
import { invitedNames, type PrincipalNames } from '../../gateway/configuration/principal-names.ts'
import type { GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import type { ComparedTool } from '../../gateway/serve/tools/compare-tools.ts'
import { reviewTools } from '../../gateway/serve/tools/review-tools.ts'
import type { RunningStatus } from '../../gateway/wire/control.ts'
import { inMessage } from '../home/host-at-home.ts'
import type { Host } from '../host.ts'
import { showDate, showDistance } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { type AgentAuthority, type Authority, agentAuthorities } from './agent-authority.ts'
import { controlGateway } from './control.ts'
import { partLines } from './part-lines.ts'
import { type RecentDenials, recentDenials } from './recent-denials.ts'
import { configOf, configPlace } from './tools.ts'

/** Seconds of the refusals that are counted. */
const day = 86_400

/** Most lines about refusals, ends, and the tools of one server. */
const most = 5

/**
 * `procura status`: one screen about the gateway and its agents. It asks for no passphrase. CLI-35
 *
 * @returns 1 when the gateway does not run.
 */
export async function status(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0) throw new UsageError('too many words; status takes none')
  const answer = await controlGateway(configPlace(flags, host), 'status')
  const running = answer.state === 'done' ? answer.data : undefined
  const config = await configOf(flags, host)
  const now = systemClock.now()
  const agents = await agentAuthorities(dirname(config.path), flags, host)
  const denials = await recentDenials(config.audit.directory, now - day)
  const tools = await differingTools(config)
  const fault = answer.state === 'fault' || answer.state === 'refused' ? answer.message : undefined
  const untaken = running === undefined ? undefined : untakenParts(config, running)
  const advice = inMessage(adviceOf(running, untaken, tools, agents), flags, host)
  if (flags['json'] === true) {
    const known = { agents, refused: denials, tools: tools.flatMap(([server, some]) => some.map(factsOf(server))) }
    const facts = { ...(fault && { fault }), ...(untaken && { untaken: untaken.words }), ...known, advice }
    host.print(JSON.stringify({ running: running ?? null, ...facts }))
    return running === undefined ? 1 : 0
  }
  host.print(stateLine(running, fault, now))
  if (running !== undefined && !running.healthy) host.print(`not healthy: ${running.reasons.join(', ')}`)
  for (const line of running === undefined ? namesOf(config) : partLines(running, flags, host)) host.print(line)
  if (untaken !== undefined) host.print(`warning: gateway.json ${untaken.words}`)
  for (const line of tools.flatMap(toolLines)) host.print(line)
  for (const agent of agents) for (const line of agentLines(agent, now)) host.print(inMessage(line, flags, host))
  for (const line of denialLines(denials, agents, await invitedNames(dirname(config.path)))) host.print(line)
  host.print(advice)
  return running === undefined ? 1 : 0
}

function stateLine(running: RunningStatus | undefined, fault: string | undefined, now: number): string {
  if (running === undefined) return fault ?? 'the gateway does not run'
  const { started, place, process: id, dryRun } = running
  const sessions = running.sessions.length === 1 ? '1 session' : `${running.sessions.length} sessions`
  const mode = dryRun ? '; DRY RUN: every call runs' : ''
  return `the gateway runs since ${showDate(started)} (${showDistance(started, now)}): process ${id}, on ${place}, ${sessions}${mode}`
}

type ServerTools = readonly [server: string, tools: readonly ComparedTool[]]

/** The tools that are not the accepted ones, as the gateway saw them last. */
async function differingTools(config: GatewayConfig): Promise<readonly ServerTools[]> {
  const found: ServerTools[] = []
  for (const server of config.servers.keys()) {
    // The gateway may not have seen them yet. `doctor` reports a file that cannot be read.
    const tools = await reviewTools({ config, server }).catch(() => [])
    const differing = tools.filter(({ state }) => state !== 'accepted')
    if (differing.length > 0) found.push([server, differing])
  }
  return found
}

/** The difference between the configuration and the gateway that runs, and the command that ends it. CLI-62 */
interface Untaken {
  readonly words: string
  readonly command: string
}

function untakenParts(
  { listen, servers, apis }: Pick<GatewayConfig, 'listen' | 'servers' | 'apis'>,
  running: RunningStatus,
): Untaken | undefined {
  const isThere =
    'socket' in listen
      ? running.place === listen.socket
      : listen.port === 0 || running.place.endsWith(`:${listen.port}`)
  if (!isThere)
    return { words: 'has another `listen` than the running gateway', command: '`procura stop` and `procura start`' }
  const present = [...servers.keys(), ...apis.keys()]
  const taken = new Set([...running.servers, ...running.apis].map(({ name }) => name))
  const missing = present.filter((name) => !taken.has(name)).map((name) => quote(name))
  const left = [...taken].filter((name) => !present.includes(name)).map((name) => quote(name))
  const parts = [
    ...(missing.length > 0 ? [`has ${missing.join(', ')}, which the running gateway has not`] : []),
    ...(left.length > 0 ? [`no longer has ${left.join(', ')}, which the running gateway has`] : []),
  ]
  return parts.length === 0 ? undefined : { words: parts.join(', and '), command: '`procura reload`' }
}

function factsOf(server: string): (tool: ComparedTool) => object {
  return ({ name, state, words }) => ({ server, name, state, words })
}

function toolLines([server, tools]: ServerTools): readonly string[] {
  const lines = tools.slice(0, most).map(({ name, words }) => `  ${quote(name)}: ${words.join(', ')}`)
  const more = tools.length > most ? [`  and ${tools.length - most} more tools`] : []
  return [`tools of ${server} that differ from the accepted ones:`, ...lines, ...more]
}

/** The servers and APIs of a gateway that does not run. */
function namesOf({ servers, apis }: GatewayConfig): readonly string[] {
  return [
    ...[...apis].map(([name, { origin }]) => `API ${name}: ${origin}`),
    ...[...servers].map(([name, { type }]) => `server ${name} (${type})`),
  ]
}

function agentLines({ name, may, ended, fault }: AgentAuthority, now: number): readonly string[] {
  if (fault !== undefined) return [`agent ${name}: ${fault}`]
  if (may.length + ended.length === 0) return [`agent ${name}: may do nothing`]
  return [
    `agent ${name}:`,
    ...may.flatMap((one) => authorityLines(one, now, name)),
    ...ended.flatMap(({ words: [first = '', ...rest], expiration }) => [
      ...indented([first.replace(/^may /, 'may no longer '), ...rest]),
      `    warning: ended ${showDate(expiration)} (${showDistance(expiration, now)})`,
    ]),
  ]
}

/** A delegation with its end, below the name of its agent. CLI-44 */
export function authorityLines(
  { words, expiration, endsSoon = false, approval }: Pick<Authority, 'words' | 'expiration'> & Partial<Authority>,
  now: number,
  agent = 'NAME',
): readonly string[] {
  const end = expiration === null ? 'never ends' : `ends ${showDate(expiration)} (${showDistance(expiration, now)})`
  const start = endsSoon ? 'warning: ' : ''
  if (approval === undefined) return [...indented(words), `    ${start}${end}`]
  const ending = `\`procura revoke --agent ${agent} --delegation ${approval}\` ends it`
  return [...indented(words), `    by an approval; ${ending}, and it ${end}`]
}

function indented(words: readonly string[]): readonly string[] {
  return words.map((line) => `  ${line}`)
}

function denialLines(
  denials: readonly RecentDenials[],
  agents: readonly AgentAuthority[],
  invited: PrincipalNames,
): readonly string[] {
  const nameOf = (did: string | undefined): string =>
    did === undefined ? 'nobody known' : (agents.find((agent) => agent.did === did)?.name ?? invited[did] ?? did)
  const shown = denials.slice(0, most).map(({ agent, code, count }) => `  ${count} of ${nameOf(agent)}: ${code}`)
  if (shown.length === 0) return ['refused within a day: nothing']
  return [
    'refused within a day:',
    ...shown,
    ...(denials.length > most ? [`  and ${denials.length - most} more kinds`] : []),
  ]
}

/** The most urgent next step. */
function adviceOf(
  running: RunningStatus | undefined,
  untaken: Untaken | undefined,
  tools: readonly ServerTools[],
  agents: readonly AgentAuthority[],
): string {
  if (running === undefined) return 'next: start it with `procura start`'
  if (untaken !== undefined) return `next: let the gateway take its configuration with ${untaken.command}`
  const { servers } = running
  const [waiting] = tools.find(([, some]) => some.some(({ state }) => state !== 'gone')) ?? []
  if (waiting !== undefined) return `next: read the changed tools with \`procura tools list ${waiting}\``
  if (!running.healthy || servers.some(({ fault }) => fault !== undefined)) return 'next: run `procura doctor`'
  const after = agents.find(({ ended }) => ended.length > 0)
  if (after !== undefined)
    return `next: a delegation of ${after.name} has ended; renew it with \`procura renew ${after.name}\``
  const before = agents.find(({ may }) => may.some(({ endsSoon }) => endsSoon))
  if (before !== undefined)
    return `next: a delegation of ${before.name} ends soon; renew it with \`procura renew ${before.name}\``
  return 'next: nothing'
}
