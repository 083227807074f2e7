// node only: works with parts that use files
import { join } from 'node:path'
import { type Delegation, never, systemClock } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { isScoped } from '../../gateway/agent-side/is-scoped.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import { alikeOf, credentialsFor, type GatewayServer } from '../home/gateway-server.ts'
import { isOf } from '../home/issue.ts'
import { allOf, issuedTo, renewableOf } from '../home/issued.ts'
import { UsageError } from '../usage-error.ts'
import type { NamedPlan } from './apply-wrap.ts'
import { describeGrant, type Grant } from './grants.ts'

/** The delegations of an owner to an agent before a run of `wrap`. */
export interface EarlierAuthority {
  /** The recorded ones, and those in the file of the agent. The agent can add to its file, and remove from it. */
  readonly known: readonly Delegation[]
  /** Those in the file that the agent can use now. */
  readonly usable: readonly Delegation[]
}

/**
 * Reads the delegations of the owner to an agent.
 *
 * @param secrets - of the vault.
 * @param tokens - those in the file of the agent.
 */
export async function readEarlier(
  home: string,
  agent: string,
  secrets: ReadonlyMap<string, string>,
  tokens: readonly Uint8Array[],
): Promise<EarlierAuthority> {
  const owners = await didsOf(join(home, 'owner.key'))
  const [did] = await didsOf(join(home, 'agents', agent, 'agent.key'))
  const all = await Promise.all(tokens.map((bytes) => decodeDelegation(bytes)))
  const inFile = all.filter(({ issuer }) => owners.includes(issuer))
  const now = systemClock.now()
  const place = { secrets: new Map(secrets) }
  // Those that have ended, too: the agent can remove them from its file.
  const { delegations } = await renewableOf(place, agent)
  const ended = delegations.filter((one) => !isScoped(one))
  return {
    known: allOf(await issuedTo(place, agent), ended, inFile),
    usable: inFile.filter(({ audience, expiration }) => audience === did && (expiration === never || expiration > now)),
  }
}

/** The DIDs of a key file, the present one first. */
async function didsOf(path: string): Promise<readonly string[]> {
  const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
  return keys.map(({ did }) => did)
}

/** The grants of a run that lift no limit of an earlier one, and what becomes of the earlier delegations. */
export interface KeptLimits {
  readonly plans: readonly NamedPlan[]
  readonly grants: readonly Grant[]
  /** Lines about the delegations that stay. */
  readonly kept: readonly string[]
  /** Lines about those that the agent loses. */
  readonly lost: readonly string[]
}

/** The gateway before the run. */
interface Before {
  readonly servers: ReadonlyMap<string, GatewayServer>
  readonly secrets: ReadonlyMap<string, string>
  readonly earlier: EarlierAuthority
}

/**
 * Keeps the limits of earlier runs, unless this one names the tools of the servers: its owner has set them, and could
 * wrap the same server again from another file. WRP-38
 *
 * @param chosen - whether the command line has `--tools` or `--policy`, and `--approve`.
 * @throws UsageError when the limits are not in the file of the agent, or belong to the same program of another name.
 */
export function keepLimits(
  plans: readonly NamedPlan[],
  grants: readonly Grant[],
  { servers, secrets, earlier: { known, usable } }: Before,
  chosen: { readonly tools: boolean; readonly approvals: boolean },
): KeptLimits {
  const isLimited = (server: string): boolean => known.some((one) => isOf(one, server) && isNarrow(one, server))
  const keeps = new Set<string>()
  const noted = plans.map((plan): NamedPlan => {
    const { server, entry } = plan
    const alike = aliasesOf(plan, servers, secrets)
    const hasApprovals = (name: string): boolean => servers.get(name)?.approvals !== undefined
    const lifted = alike.find((name) => !chosen.tools && (isLimited(name) || (hasApprovals(name) && !chosen.approvals)))
    const fact = `the same program with the same key is behind the gateway as ${lifted ?? alike.join(', ')}`
    if (lifted !== undefined)
      throw new UsageError(
        `${fact}, with limits that ${entry.name} of this file would not have; repeat them with --policy, --tools or --approve, or pass --tools '*' to give the agent every tool`,
      )
    const named =
      alike.length === 0 ? plan : { ...plan, notes: [...plan.notes, `${fact} too; each has its own limits`] }
    if (chosen.tools || !isLimited(server)) return named
    if (!usable.some((one) => isOf(one, server)))
      throw new UsageError(
        `the agent had a limited delegation for ${server}, and has no valid one now; repeat its limits with --policy or --tools, or pass --tools '*' to give the agent every tool`,
      )
    keeps.add(server)
    return named
  })
  const next = grants.filter(({ server }) => !keeps.has(server))
  const isAgain = (one: Delegation): boolean =>
    next.some(({ command, policy }) => one.command === command && sameJson(one.policy, policy))
  const lost = usable.filter((one) => next.some(({ server }) => isOf(one, server)) && !isAgain(one))
  return {
    plans: noted,
    grants: next,
    kept: [...keeps].flatMap((server) => [
      `the agent keeps its delegations for ${server}; to lift or change it, name tools with --tools or --policy`,
      ...describeDelegations(usable.filter((one) => isOf(one, server))),
    ]),
    lost: lost.flatMap((one) =>
      describeDelegations([one]).map((line, at) => (at === 0 ? `the agent loses a delegation: ${line}` : line)),
    ),
  }
}

/** Delegations for servers in words. */
export function describeDelegations(delegations: readonly Delegation[]): readonly string[] {
  return delegations.flatMap(({ command, policy }) => {
    const [, , server = '', tool] = command.split('/')
    return describeGrant({ server, tool, command, policy })
  })
}

function isNarrow({ command, policy }: Delegation, server: string): boolean {
  return command !== toolCommand(server) || policy.length > 0
}

/** Other names of the same program with the same secrets. */
function aliasesOf(
  { server, definition, secrets: own }: NamedPlan,
  servers: Before['servers'],
  secrets: Before['secrets'],
): readonly string[] {
  const alike = alikeOf(definition, [...credentialsFor(definition, server, own).values()])
  return [...servers]
    .filter(([name, other]) => name !== server && alikeOf(other, valuesOf(other, secrets)) === alike)
    .map(([name]) => name)
}

function valuesOf(server: GatewayServer, secrets: Before['secrets']): readonly string[] {
  const names = Object.values((server.type === 'stdio' ? server.secretEnv : server.secretHeaders) ?? {})
  return [...new Set(names)].map((name) => secrets.get(name) ?? '')
}

function sameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
