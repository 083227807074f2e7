// node only: reads and writes files
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Delegation, never } from 'procura'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { checkSocketPath } from '../../support/socket-path.ts'
import { type Client, type ClientName, clientOf, detectClient } from '../clients/client.ts'
import { type CommandLine, type ConfigDocument, ConfigFault } from '../clients/config-document.ts'
import {
  type ConfigFile,
  checkReplaceable,
  checkUnchanged,
  draftsOf,
  readConfigFile,
  removeDrafts,
} from '../clients/config-file.ts'
import { checkNewName, newAgentLine } from '../home/agent-name.ts'
import { checkHome } from '../home/check-home.ts'
import { checkGatewayContent, readGatewayFile } from '../home/gateway-file.ts'
import { exists } from '../home/home-files.ts'
import { finishExchanges } from '../home/replace-delegations.ts'
import { checkAgent, checkIssuer, inHome, openWrapHome, type WrapHome } from '../home/wrap-home.ts'
import { temporaryWarning } from '../hooks/temporary-program.ts'
import type { Host } from '../host.ts'
import { programOf } from '../terminal/program-words.ts'
import { readDuration, showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, operandOf, textOf, textsOf } from '../verb.ts'
import {
  applyWrap,
  checkRestored,
  checkWrapped,
  contentAfter,
  type NamedPlan,
  namePlans,
  wrappedText,
} from './apply-wrap.ts'
import { type ArgumentRules, describeShown, ruleWarnings, withShown } from './argument-rules.ts'
import { checkToolNames } from './check-tool-names.ts'
import { type EarlierAuthority, type KeptLimits, keepLimits, readEarlier } from './earlier-authority.ts'
import { followListen } from './follow-listen.ts'
import { describeGrant, describeOthers, grantsFor } from './grants.ts'
import { followMoved } from './moved-record.ts'
import { wholePath } from './plan.ts'
import { planConfig } from './plan-config.ts'
import type { ServerPlan, Unplanned } from './planned.ts'
import {
  type HomeOfLine,
  type LineRepair,
  lineRepairs,
  moveSockets,
  repairedText,
  writeRepaired,
} from './repair-lines.ts'
import { checkNotShared } from './shared-file.ts'
import { describeTrust, maskIn, needsLogin, showDifference, showPlans } from './show-plan.ts'
import { startElsewhere, startedIn } from './started-in.ts'
import { describeApprovals } from './tool-approvals.ts'
import { unapplied } from './unapplied.ts'
import { readIndex } from './wrap-index.ts'
import { recordId } from './wrap-record.ts'

const defaultLifetime = '30d'

/** Most servers of a configuration. The secrets of each are searched for in the text of each. WRP-45 */
const mostServers = 1_000

/** `procura wrap CONFIG`: moves the servers of a client behind the gateway. */
export async function wrap(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  const given = operandOf(words, 'the configuration file of a client')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const program = programOf(host)
  const { file, client, document, repaired } = await repairLines(
    await readConfigFile(given),
    home,
    program,
    flags,
    host,
  )
  await followMoved({ file, client, document }, home, flags, host)
  const only = textsOf(flags, 'server')
  const asked = document.servers.filter(({ name }) => only.length === 0 || only.includes(name))
  await checkNotShared({ ...file, given }, asked, flags, host)
  checkCount(file, document)
  const agent = agentOf(flags, client)
  const expiresIn = readDuration('expires-in', textOf(flags, 'expires-in') ?? defaultLifetime)
  const known = await readGatewayFile(home)
  if (textOf(flags, 'agent') !== undefined) await checkNewName(home, agent)
  // The gateway and the agents could not use a longer path, and would report it when everything is moved.
  checkSocketPath(known === undefined ? join(home, 'gateway.sock') : (known.listen.socket ?? ''))
  const chosen = {
    tools: flags['policy'] !== undefined || flags['tools'] !== undefined,
    approvals: flags['approve'] !== undefined,
  }
  const named = (plans: readonly ServerPlan[], before: Before): Prepared => {
    const { servers, content, secrets } = before
    const given = namePlans(plans, servers, secrets, Object.keys(Object(content?.['apis'])))
    const names = given.map(({ entry: { name }, server }) => ({ name, server }))
    const all = grantsFor(names, textsOf(flags, 'policy'), textsOf(flags, 'tools'))
    const { plans: limited, ...limits } = keepLimits(given, all, before, chosen)
    const ready = withShown(limited, limits.grants)
    const next = wrappedText(file.text, ready, program, { agent, home })
    checkWrapped(document, client.read(next), ready, program, { agent, home })
    checkRestored(file, client, ready, next)
    return { ready, next, ...limits }
  }
  // A mistake in a policy is found before a person has typed an input or a passphrase.
  const check = (plans: readonly ServerPlan[]): unknown =>
    named(plans, { servers: new Map(), secrets: new Map(), earlier: { known: [], usable: [] } })
  const { plans, others } = await planConfig({ file, client, document, home }, flags, host, check)
  if (plans.length === 0 && flags['dry-run'] !== true && (await draftsOf(file.path)).length > 0)
    await inHome(home, () => removeDrafts(file.path))
  if (plans.length === 0) return Math.max(report({ others, repaired }, flags, host), unapplied(others, flags, host))
  check(plans)
  await checkReplaceable(file)
  if (flags['dry-run'] === true) {
    const { gateway, secrets, delegations, unchecked } = await checkHome(home, known, agent, flags, host)
    // Without the secrets of an earlier run, the names of the servers can differ from those of a real one.
    const earlier = await readEarlier(home, agent, secrets, delegations)
    const prepared = named(plans, { ...gateway, secrets, earlier })
    await checkToolNames(home, gateway.servers, prepared.ready, flags)
    await checkGatewayContent(home, contentAfter(gateway, prepared.ready), tmpdir())
    await checkUnchanged(file)
    const outcome = { file, client, agent, home, others, repaired, delegations: undefined, ...prepared }
    const code = report(outcome, flags, host)
    for (const part of unchecked) host.complain(`not checked: ${part}, because a dry run asks for no passphrase`)
    return code
  }
  return inHome(home, async (lock) => {
    // While this waited for the lock, another `wrap` may have changed the file, and with it the record of its
    // originals.
    await checkUnchanged(file)
    const opened = await openWrapHome(home, flags, host, lock)
    checkIssuer(opened)
    for (const message of await finishExchanges(opened)) host.complain(message)
    const { gateway, secrets } = opened
    const earlier = await readEarlier(home, agent, secrets, await checkAgent(opened, agent))
    const prepared = named(plans, { ...gateway, secrets, earlier })
    const { ready, grants, next } = prepared
    await checkToolNames(home, gateway.servers, ready, flags)
    const isNew = !(await exists(join(home, 'agents', agent)))
    const delegations = await applyWrap(opened, { file, client, agent, plans: ready, grants, expiresIn, next })
    if (isNew) host.complain(newAgentLine(home, agent))
    const hadGateway = known !== undefined
    return report({ file, client, agent, home, others, repaired, delegations, hadGateway, ...prepared }, flags, host)
  })
}

function checkCount({ path }: ConfigFile, { servers: { length } }: ConfigDocument): void {
  if (length > mostServers)
    throw new UsageError(
      `${quote(path, 256)} has ${length} servers, and wrap takes at most ${mostServers}; remove those that are not used`,
    )
}

/**
 * A configuration with the servers that it has after the command lines whose program is gone were corrected. A dry run
 * only prints them.
 */
async function repairLines(
  file: ConfigFile,
  home: string,
  program: readonly string[],
  flags: Flags,
  host: Host,
): Promise<ReturnType<typeof readDocument> & { readonly file: ConfigFile; readonly repaired: readonly LineRepair[] }> {
  const asked = textOf(flags, 'client') as ClientName | undefined
  const read = readDocument(file, asked)
  const { client, document } = read
  const only = textsOf(flags, 'server')
  const chosen = document.servers.filter(({ name }) => only.length === 0 || only.includes(name))
  const known = await readIndex(home, recordId(file.path)).catch(() => undefined)
  const homeOf: HomeOfLine = async ({ home: other, server }) => {
    const path = gatewayHome(other, host.env)
    if (wholePath(path) === wholePath(home)) return 'here'
    const isMoved = known?.servers.includes(server) === true && !(await exists(path))
    return isMoved && other !== undefined ? 'moved' : 'other'
  }
  const all = await lineRepairs(chosen, homeOf, program, home)
  await followListen(home, known, flags, host)
  const repaired = all.filter((one) => repairedText(file, client, document, [one]) !== undefined)
  for (const { entry, gone, line } of all.filter((one) => !repaired.includes(one)))
    host.complain(
      `warning: ${entry.name} (line ${entry.line}) cannot start, because ${absent(gone)}, and its text cannot be corrected safely; write the command \`${wordsOf(line)}\` there`,
    )
  const next = repaired.length === 0 ? undefined : repairedText(file, client, document, repaired)
  if (next === undefined) return { file, ...read, repaired: [] }
  const isDry = flags['dry-run'] === true
  for (const { entry, gone, line } of repaired)
    host.complain(
      `${entry.name} (line ${entry.line}) ${isDry ? 'would run' : 'runs'} ${wordsOf(line)}, because ${absent(gone)}`,
    )
  if (isDry) return { file, ...read, repaired }
  const former = new Set(repaired.flatMap(({ formerHome }) => formerHome ?? []))
  if (former.size > 0) await moveSockets(home, former)
  const written = await writeRepaired(home, file, next)
  host.complain('restart the client, which starts the corrected command lines')
  return { file: written, ...readDocument(written, asked), repaired }
}

function absent(gone: readonly string[]): string {
  return `${gone.join(' and ')} ${gone.length === 1 ? 'does' : 'do'} not exist`
}

function wordsOf({ command, args }: CommandLine): string {
  return [command, ...args].map(shellQuoted).join(' ')
}

/** The gateway before a run, and the authority of the agent. */
interface Before extends Pick<WrapHome['gateway'], 'servers'>, Partial<Pick<WrapHome['gateway'], 'content'>> {
  readonly secrets: ReadonlyMap<string, string>
  readonly earlier: EarlierAuthority
}

/** The result of a plan with names. */
interface Prepared extends Omit<KeptLimits, 'plans'> {
  readonly ready: readonly NamedPlan[]
  readonly next: string
}

/** Reads the servers of a configuration. */
export function readDocument(
  file: ConfigFile,
  asked: ClientName | undefined,
): { readonly client: Client; readonly document: ConfigDocument } {
  try {
    const client = asked === undefined ? detectClient(file.path, file.text) : clientOf(asked)
    return { client, document: client.read(file.text) }
  } catch (error) {
    if (error instanceof ConfigFault) throw new UsageError(`${quote(file.path, 256)}: ${error.message}`)
    throw error
  }
}

function agentOf(flags: Flags, client: Client): string {
  const name = textOf(flags, 'agent') ?? client.name
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/.test(name))
    throw new UsageError('--agent must begin with a letter or a digit and have at most 32 letters, digits, _ and -')
  return name
}

interface Outcome extends Partial<Prepared> {
  readonly others: readonly Unplanned[]
  /** The servers whose command line was corrected. */
  readonly repaired: readonly LineRepair[]
  readonly file?: ConfigFile
  readonly client?: Client
  readonly agent?: string
  readonly home?: string
  /** Undefined in a dry run. */
  readonly delegations?: readonly Delegation[] | undefined
  /** A gateway that runs already takes new servers at SIGHUP alone. */
  readonly hadGateway?: boolean
}

/** The exit code is 1 when a server stays as it is although it should not. */
function report(outcome: Outcome, flags: Flags, host: Host): number {
  const {
    others,
    repaired,
    ready = [],
    grants = [],
    kept = [],
    lost = [],
    delegations,
    file,
    client,
    home,
    next,
    hadGateway,
  } = outcome
  const code = others.some(({ refused }) => refused) ? 1 : 0
  if (flags['json'] === true) host.print(JSON.stringify(facts(outcome, flags)))
  for (const line of showPlans(ready, others)) host.complain(line)
  if (ready.length === 0) {
    const isChanged = repaired.length > 0 && flags['dry-run'] !== true
    const rest = isChanged ? 'nothing else to wrap' : 'nothing to wrap; the file is not changed'
    host.complain(others.length === 0 ? 'the file has no MCP server; nothing to wrap' : rest)
    return code
  }
  for (const line of grants.flatMap((grant) => describeGrant(grant))) host.complain(`delegation to the agent: ${line}`)
  for (const line of [...describeOthers(grants, flags['dry-run'] === true), ...kept, ...lost]) host.complain(line)
  for (const line of [...describeApprovals(ready), ...describeShown(ready)]) host.complain(line)
  for (const line of describeTrust(ready)) host.complain(line)
  for (const { server, definition, secrets } of ready) {
    const fault = home === undefined ? undefined : startedIn(home, definition, secrets)
    if (fault !== undefined) host.complain(`warning: the server ${server} ${fault}; ${startElsewhere}`)
  }
  const warning = temporaryWarning(programOf(host))
  if (warning !== undefined) host.complain(warning)
  const rulesOf = (name: string): ArgumentRules => ready.find(({ server }) => server === name)?.definition ?? {}
  for (const line of ruleWarnings(grants, rulesOf)) host.complain(line)
  if (flags['dry-run'] === true) {
    if (file !== undefined && client !== undefined && next !== undefined && flags['json'] !== true)
      for (const line of showDifference(file, client.read(next), next, ready)) host.print(line)
    host.complain('dry run: nothing is written')
    return code
  }
  const [first] = delegations ?? []
  const until =
    first === undefined || first.expiration === never ? '' : `; the delegation expires ${showDate(first.expiration)}`
  if (flags['json'] !== true)
    host.print(`wrapped ${ready.length} ${ready.length === 1 ? 'server' : 'servers'} of ${file?.path}${until}`)
  for (const { server, definition } of ready)
    if (needsLogin(definition)) host.complain(`the server ${server} needs a login: run \`procura login ${server}\``)
  const left = leftovers(ready, next ?? '')
  for (const line of left) host.complain(line)
  host.complain(
    `start the gateway with \`procura start\` (in this terminal: \`procura serve\`)${hadGateway === true ? ', or let the running one take it with `procura reload`' : ''}, restart the client, and check everything with \`procura doctor\``,
  )
  return code
}

/** Lines of the new text that still contain a secret, for example in a comment or in a server that stays. */
function leftovers(plans: readonly NamedPlan[], next: string): readonly string[] {
  const mask = maskIn(plans)
  return next
    .split('\n')
    .flatMap((line, at) =>
      mask(line) === line
        ? []
        : [`warning: line ${at + 1} of the configuration still contains a secret; remove it there`],
    )
}

function facts(
  { ready = [], others, repaired, grants = [], agent, home, file, delegations }: Outcome,
  flags: Flags,
): object {
  return {
    path: file?.path,
    agent,
    home,
    dryRun: flags['dry-run'] === true,
    repaired: repaired.map(({ entry, line }) => ({ name: entry.name, place: entry.place, ...line })),
    wrapped: ready.map(({ entry, server, sorted, notes }) => ({
      name: entry.name,
      place: entry.place,
      line: entry.line,
      server,
      values: sorted,
      notes,
    })),
    refused: others
      .filter(({ refused }) => refused)
      .map(({ entry, reason }) => ({ name: entry.name, line: entry.line, reason })),
    left: others
      .filter(({ refused }) => !refused)
      .map(({ entry, reason }) => ({ name: entry.name, line: entry.line, reason })),
    grants: grants.map(({ command, policy }) => ({ command, policy })),
    delegations: delegations?.map(({ cid, command, expiration }) => ({
      delegation: cid.toString(),
      command,
      expiration: expiration === never ? null : expiration,
    })),
  }
}
