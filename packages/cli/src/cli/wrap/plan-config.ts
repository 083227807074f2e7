// node only: works with parts that use files
import { quote } from '#support/quote.ts'
import type { AllowedRequests } from '../../gateway/configuration/passing-methods.ts'
import { userHome } from '../../support/user-home.ts'
import type { Client } from '../clients/client.ts'
import type { ConfigDocument } from '../clients/config-document.ts'
import type { ConfigFile } from '../clients/config-file.ts'
import type { GatewayServer } from '../home/gateway-server.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf, textsOf } from '../verb.ts'
import { withArgumentRules } from './argument-rules.ts'
import { findLogins } from './find-logins.ts'
import { planServers } from './plan.ts'
import type { Logins, ServerPlan, Unplanned } from './planned.ts'
import { inputsIn } from './references.ts'
import { withApprovals } from './tool-approvals.ts'

/** The configuration of a client, which was read. */
interface ReadConfig {
  readonly file: ConfigFile
  readonly client: Client
  readonly document: ConfigDocument
  /** The home folder of the gateway. */
  readonly home: string
}

/** The servers of a configuration: those that are wrapped, and the others. */
interface Planned {
  readonly plans: readonly ServerPlan[]
  readonly others: readonly Unplanned[]
}

/**
 * Plans the servers of a configuration. At a terminal, it asks for the values that the client would ask for.
 *
 * @param check - of the plans that are made without these values, before they are asked for.
 */
export async function planConfig(
  config: ReadConfig,
  flags: Flags,
  host: Host,
  check: (plans: readonly ServerPlan[]) => unknown,
): Promise<Planned> {
  checkServers(config, flags)
  const open: Logins['open'] = new Map()
  planWith(config, flags, host, new Map(), { open, found: new Set() })
  const logins = { open, found: await findLogins(open) }
  const names = host.isTerminal && flags['dry-run'] !== true ? inputsOf(config, flags) : []
  if (names.length > 0) {
    const trial = planWith(config, flags, host, new Map(names.map((name) => [name, 'placeholder'])), logins)
    // A server can be refused for the form of a placeholder, and its tools are unknown then.
    if (!trial.others.some(({ refused }) => refused)) check(trial.plans)
  }
  return planWith(config, flags, host, await askInputs(names, host), logins)
}

function checkServers({ file, document }: ReadConfig, flags: Flags): void {
  for (const name of textsOf(flags, 'server'))
    if (!document.servers.some((entry) => entry.name === name))
      throw new UsageError(
        `${quote(file.path, 256)} has no server ${quote(name)}; it has ${document.servers.map((one) => quote(one.name)).join(', ') || 'none'}`,
      )
  const both = textsOf(flags, 'secret').find((name) => textsOf(flags, 'plain').includes(name))
  if (both !== undefined) throw new UsageError(`${quote(both)} is named by --secret and by --plain`)
}

function planWith(
  { file, client, document, home }: ReadConfig,
  flags: Flags,
  host: Host,
  inputs: ReadonlyMap<string, string>,
  logins: Logins,
): Planned {
  const [secret, plain] = [new Set(textsOf(flags, 'secret')), new Set(textsOf(flags, 'plain'))]
  const planned = planServers(document.servers, {
    client,
    path: file.path,
    gateway: { home, agent: textOf(flags, 'agent'), env: host.env },
    only: new Set(textsOf(flags, 'server')),
    named: { secret, plain },
    keepsArgs: flags['keep-args'] === true,
    logins,
    values: {
      env: flags['from-env'] === true ? host.env : undefined,
      userHome: host.env['HOME'] || userHome(),
      inputs,
    },
  })
  checkNamed([...secret, ...plain], planned)
  const plans = withApprovals(withArgumentRules(planned.plans, flags), textsOf(flags, 'approve'))
  return { plans: withTrust(plans, flags), others: planned.others }
}

/** WRP-75, WRP-76: a person trusts one server, by its name. */
function withTrust(plans: readonly ServerPlan[], flags: Flags): readonly ServerPlan[] {
  const allow = textsOf(flags, 'allow') as readonly AllowedRequests[]
  const trust: Pick<GatewayServer, 'acceptDescriptions' | 'allow'> = {
    ...(allow.length > 0 && { allow: [...new Set(allow)] }),
    ...(flags['accept-descriptions'] === true && { acceptDescriptions: true }),
  }
  const [given] = Object.keys(trust)
  if (given === undefined) return plans
  const option = given === 'allow' ? 'allow' : 'accept-descriptions'
  if (plans.length > 1) throw new UsageError(`--${option} is for one server; choose it with --server`)
  return plans.map((plan) => ({ ...plan, definition: { ...plan.definition, ...trust } }))
}

/** With a misspelled name, a secret would stay in the clear although its user has named it. */
function checkNamed(names: readonly string[], { plans, others }: ReturnType<typeof planServers>): void {
  // The names of a server that is wrapped already are not in the file.
  if (plans.length === 0 || others.some(({ refused }) => !refused)) return
  const known = plans.flatMap(({ sorted }) => sorted.map(({ name }) => name))
  const rest = others.map(({ entry }) => JSON.stringify(entry.value))
  const unknown = names.find(
    (name) => !known.includes(name) && !rest.some((text) => text.includes(JSON.stringify(name))),
  )
  if (unknown === undefined) return
  const list = [...new Set(known)].map((name) => quote(name)).join(', ') || 'none'
  throw new UsageError(
    `no server has a variable or header ${quote(unknown)}, which --secret or --plain names; they have ${list}`,
  )
}

/** The names of the values that VS Code would ask for. */
function inputsOf({ client, document }: ReadConfig, flags: Flags): readonly string[] {
  const only = textsOf(flags, 'server')
  const chosen = document.servers.filter(({ name }) => only.length === 0 || only.includes(name))
  return [...new Set(chosen.flatMap(({ value }) => inputsIn(JSON.stringify(value), client.references)))]
}

/** Asks once for each value. */
async function askInputs(names: readonly string[], host: Host): Promise<ReadonlyMap<string, string>> {
  const answers = new Map<string, string>()
  for (const name of names) {
    const typed = await host.askHidden(`value of the input ${name} (it is not shown): `)
    if (typed === undefined) throw new UsageError('the input was interrupted; nothing is written')
    answers.set(name, new TextDecoder('utf-8', { fatal: true }).decode(typed))
    typed.fill(0)
  }
  return answers
}
