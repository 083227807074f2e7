// node only: reads files and a terminal
import { join } from 'node:path'
import process from 'node:process'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import { userHome } from '../../support/user-home.ts'
import { type ConfigFile, readConfigFile } from '../clients/config-file.ts'
import { checkSecrets } from '../doctor/check-secrets.ts'
import { usualConfigs } from '../doctor/search-places.ts'
import { exists } from '../home/home-files.ts'
import type { Host } from '../host.ts'
import { askLine, askYes, type OwnTerminal, ownTerminal } from '../terminal/ask-yes.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { askServer } from './ask-server.ts'
import { wholePath } from './plan.ts'
import { planConfig } from './plan-config.ts'
import type { ServerPlan } from './planned.ts'
import { checkNotShared } from './shared-file.ts'
import { askAboutTools, type ToolChoice } from './tool-answers.ts'
import { readDocument, wrap } from './wrap.ts'

/** The options that mean the same for every configuration. */
const shared: ReadonlySet<string> = new Set([
  ...['home', 'key-file', 'ask-passphrase', 'delegations-key-file', 'agent', 'expires-in', 'from-env', 'dry-run'],
])

/** A server that can be wrapped. Several projects of a file may have one of this name. */
interface Choice {
  readonly file: ConfigFile
  readonly plan: ServerPlan
}

/** A run of `wrap` that the answers have made. */
interface Run {
  readonly path: string
  readonly flags: Flags
}

/**
 * `procura wrap` without a path: finds the configurations of the clients, asks a person which servers go behind the
 * gateway and what the agent may do with their tools, and runs the command that this makes. Before the last answer,
 * nothing is written. WRP-79
 */
export async function wrapDialogue(flags: Flags, host: Host): Promise<number> {
  const other = Object.keys(flags).find((name) => flags[name] !== undefined && !shared.has(name))
  if (other !== undefined) throw new UsageError(`--${other} is about one configuration; name it: \`procura wrap FILE\``)
  if (process.geteuid?.() === 0 && (host.env['SUDO_UID'] ?? '0') !== '0')
    throw new UsageError(
      'this would be about the clients of root; run `procura wrap` without sudo, as the user of the agent',
    )
  const terminal = ownTerminal(host, 'or name the configuration of a client: `procura wrap FILE`')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const found = await findChoices(home, flags, host)
  if (found.length === 0) {
    host.complain('no usual configuration of a client has a server to wrap; pass the path of another one')
    return 0
  }
  const chosen = await chooseServers(found, terminal, host)
  const answers: [Choice, ToolChoice][] = []
  for (const choice of chosen) {
    const { name } = choice.plan.entry
    host.complain(`asking ${name} for its tools`)
    const answer = await askAboutTools(name, await askServer(choice.plan, home), terminal, host)
    if (answer === undefined) host.complain(`${name} stays as it is`)
    else answers.push([choice, answer])
  }
  const runs = runsOf(answers, flags)
  for (const { path, flags: own } of runs) await wrap([path], { ...own, 'dry-run': true }, host)
  if (runs.length > 0) await showCopies(chosen, host)
  for (const run of runs) host.complain(`the command for this: ${commandOf(run)}`)
  if (flags['dry-run'] === true) return 0
  if (runs.length === 0 || !(await askYes(terminal))) {
    host.complain('nothing is changed')
    return 1
  }
  const codes: number[] = []
  for (const { path, flags: own } of runs) codes.push(await wrap([path], own, host))
  return Math.max(...codes)
}

/** The servers of the usual configurations and of the project in the working directory. The others are printed. */
async function findChoices(home: string, flags: Flags, host: Host): Promise<readonly Choice[]> {
  const user = host.env['HOME'] || userHome()
  const project = ['.mcp.json', '.cursor/mcp.json', '.vscode/mcp.json', '.codex/config.toml']
  const paths = [...usualConfigs(user), ...project.map((name) => join(process.cwd(), name))]
  const found: Choice[] = []
  const seen = new Set<string>()
  for (const path of paths) {
    if (seen.has(wholePath(path)) || !(await exists(path))) continue
    seen.add(wholePath(path))
    try {
      found.push(...(await choicesOf(path, home, flags, host)))
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      host.complain(`left out: ${error.message}`)
    }
  }
  return found
}

async function choicesOf(path: string, home: string, flags: Flags, host: Host): Promise<readonly Choice[]> {
  const file = await readConfigFile(path)
  const { client, document } = readDocument(file, undefined)
  await checkNotShared(file, document.servers, flags, host)
  // A dry run asks for no value of an input.
  const dry = { ...flags, 'dry-run': true }
  const { plans, others } = await planConfig({ file, client, document, home }, dry, host, () => undefined)
  for (const { entry, reason } of others)
    host.complain(`${entry.name} of ${quote(path, 256)} (line ${entry.line}) stays: ${reason}`)
  const named = plans.filter(({ entry: { name } }, at) => {
    const isUsual = /^[^/*]{1,200}$/.test(name)
    if (!isUsual) host.complain(`${quote(name)} of ${quote(path, 256)} stays: no option can name it`)
    return isUsual && plans.findIndex(({ entry }) => entry.name === name) === at
  })
  return named.map((plan) => ({ file, plan }))
}

async function chooseServers(found: readonly Choice[], terminal: OwnTerminal, host: Host): Promise<readonly Choice[]> {
  for (const [at, { file, plan }] of found.entries()) {
    const { entry, definition, secrets } = plan
    const keys = secrets.length === 0 ? 'no key' : `with ${secrets.map(({ name }) => name).join(', ')}`
    const target =
      definition.type === 'http'
        ? quote(definition.url, 256)
        : [definition.command, ...(definition.args ?? [])].map(shellQuoted).join(' ')
    host.complain(`${at + 1}. ${entry.name} of ${quote(file.path, 256)} (line ${entry.line}), ${keys}: ${target}`)
  }
  host.complain('each server that you choose is started once, to ask it for its tools')
  for (;;) {
    // An empty line is also the end of the input: without a word, no program of a configuration is started.
    const line = await askLine(terminal, 'Which servers? Their numbers, or all; Enter for none: ')
    if (line === 'none' || line === '') return []
    if (line === 'all') return found
    const numbers = line.split(/[\s,]+/).map(Number)
    const chosen = found.filter((_, at) => numbers.includes(at + 1))
    if (chosen.length === new Set(numbers).size) return chosen
    host.complain(`type numbers from 1 to ${found.length}, all or none`)
  }
}

/** One run for each file. */
function runsOf(answers: readonly (readonly [Choice, ToolChoice])[], flags: Flags): readonly Run[] {
  const paths = [...new Set(answers.map(([{ file }]) => file.path))]
  return paths.map((path) => {
    const own = answers.filter(([{ file }]) => file.path === path)
    // Without names, a limited delegation of an earlier run stays. Where one server has names, each needs some.
    const isLimited = own.some(([, { tools }]) => tools !== undefined)
    const tools = own.flatMap(([{ plan }, answer]) =>
      (answer.tools ?? ['*']).map((tool) => `${plan.entry.name}/${tool}`),
    )
    const approve = own.flatMap(([{ plan }, answer]) => answer.approve.map((tool) => `${plan.entry.name}/${tool}`))
    const made = {
      server: own.map(([{ plan }]) => plan.entry.name),
      ...(isLimited && { tools }),
      ...(approve.length > 0 && { approve }),
    }
    return { path, flags: { ...flags, ...made } }
  })
}

/** The command line of a run. */
function commandOf({ path, flags }: Run): string {
  const options = Object.entries(flags).flatMap(([name, value]) => {
    if (value === undefined) return []
    const values = typeof value === 'object' ? value : [value]
    return values.map((one) => (typeof one === 'string' ? `--${name} ${shellQuoted(one)}` : `--${name}`))
  })
  return ['procura wrap', shellQuoted(path), ...options].join(' ')
}

/** Warns about the places, other than the configuration itself, that have a key of a chosen server in the clear. */
async function showCopies(chosen: readonly Choice[], host: Host): Promise<void> {
  const secrets = new Map(
    chosen.flatMap(({ plan: { entry, secrets: own } }) =>
      own.map(({ name, value }) => [`${entry.name}.${name}`, value] as const),
    ),
  )
  const configs = [...new Set(chosen.map(({ file }) => file.path))]
  const found = await checkSecrets(secrets, host.env['HOME'] || userHome(), configs, undefined)
  for (const { thing, fault, remedy } of found) {
    // The client may have started the server, so its processes have the key until it ends.
    if (thing.startsWith('process ') || configs.some((path) => thing.startsWith(`${path}:`))) continue
    host.complain(`warning: ${thing} ${fault}; ${remedy}`)
  }
}
