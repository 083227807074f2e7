// node only: reads files
import { join } from 'node:path'
import { anySubject, type Command, type Delegation } from 'procura'
import { ArgumentError } from 'procura/errors'
import { describeSignerFile } from 'procura/signer/file'
import { nearestName } from '#support/nearest-name.ts'
import { quote } from '#support/quote.ts'
import { isScoped } from '../../gateway/agent-side/is-scoped.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import type { AgentStores } from '../home/agent-stores.ts'
import type { GatewayFile } from '../home/gateway-file.ts'
import { held, isOf } from '../home/issue.ts'
import { type ArgumentRules, partRemedy, untypedArguments } from '../wrap/argument-rules.ts'
import type { WrapIndex } from '../wrap/wrap-index.ts'
import { seenTools } from './check-tools.ts'
import { endsOf } from './delegation-ends.ts'
import type { Finding } from './finding.ts'
import { endOf, newDelegations, type OwnerPlace, renewal } from './new-delegation.ts'

/**
 * Checks that each agent has a delegation for each of its servers, that none ends soon, and that the tools
 * exist. WRP-24
 */
export async function checkDelegations(
  owner: OwnerPlace,
  indexes: readonly WrapIndex[],
  stores: AgentStores,
  gateway: Pick<GatewayFile, 'subjects' | 'servers'>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  const { home } = owner
  for (const { agent, servers } of indexes) {
    let delegations: readonly Delegation[]
    try {
      delegations = (await held(await stores(join(home, 'agents', agent)))).filter((one) => !isScoped(one))
    } catch (error) {
      const fault = `has delegations that cannot be read: ${(error as Error).message}`
      findings.push({
        check: 'delegations',
        thing: `the agent ${agent}`,
        fault,
        remedy: 'pass the key of its delegations, restore its folder, or wrap again',
      })
      continue
    }
    const did = await didOf(join(home, 'agents', agent, 'agent.key'))
    for (const server of servers) {
      findings.push(...findingsFor(owner, agent, server, delegations))
      findings.push(...formerKey(owner, agent, server, delegations, did))
      findings.push(...formerOwner(owner, agent, server, delegations, gateway.subjects))
      findings.push(...unknownTools(owner, agent, server, delegations, await seenTools(home, server)))
      findings.push(...untypedPolicies(agent, server, delegations, gateway.servers.get(server)))
    }
  }
  return findings
}

/** The policies that compare strings where a type is needed: a pattern also matches lists and further lines. */
function untypedPolicies(
  agent: string,
  server: string,
  delegations: readonly Delegation[],
  rules: ArgumentRules = {},
): readonly Finding[] {
  const own = delegations.filter((one) => isOf(one, server))
  const found = new Map(
    own.flatMap(({ policy }) => untypedArguments(policy, rules).map((one) => [one.name, one] as const)),
  )
  return [...found.values()].map(({ name, fault, isPart }) => ({
    check: 'delegations',
    thing: `the argument ${quote(name)} in a policy of the agent ${agent} for the server ${server}`,
    fault,
    remedy: isPart
      ? partRemedy
      : `give it a type in \`types\` of the server in gateway.json, such as { ${JSON.stringify(name)}: "email" }, and run \`procura reload\``,
    note: true,
  }))
}

/** The DID of a key file. A key that is elsewhere, or cannot be read, is not compared. */
async function didOf(path: string): Promise<string | undefined> {
  const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
  return keys[0]?.did
}

/**
 * After a rotation of the key of an agent, its delegations lead to the former DID, and each of its calls is refused.
 */
function formerKey(
  owner: OwnerPlace,
  agent: string,
  server: string,
  delegations: readonly Delegation[],
  did: string | undefined,
): readonly Finding[] {
  const own = delegations.filter((one) => isOf(one, server))
  if (did === undefined || own.length === 0 || own.some(({ audience }) => audience === did)) return []
  return [
    {
      check: 'delegations',
      thing: `the delegation of the agent ${agent} for the server ${server}`,
      fault: `is not to the key that the agent has now, ${did}`,
      remedy: `${renewal(owner, agent, own)}, which also ends what is to the former key`,
    },
  ]
}

/** Delegations of an owner for whom the gateway does not act: each call with them is refused. WRP-24 */
function formerOwner(
  owner: OwnerPlace,
  agent: string,
  server: string,
  delegations: readonly Delegation[],
  subjects: readonly string[],
): readonly Finding[] {
  const own = delegations.filter((one) => isOf(one, server))
  if (own.length === 0 || own.some(({ subject }) => subject === anySubject || subjects.includes(subject))) return []
  return [
    {
      check: 'delegations',
      thing: `the delegation of the agent ${agent} for the server ${server}`,
      fault: `is of ${own[0]?.subject as string}, which \`subjects\` of gateway.json does not list`,
      remedy: `make a new one with ${newDelegations(owner, agent, own)}`,
    },
  ]
}

function findingsFor(
  owner: OwnerPlace,
  agent: string,
  server: string,
  delegations: readonly Delegation[],
): readonly Finding[] {
  const thing = `the delegation of the agent ${agent} for the server ${server}`
  const finding = (fault: string, again: readonly Pick<Delegation, 'command' | 'policy'>[]): Finding => {
    const remedy = `make a new one with ${newDelegations(owner, agent, again)}`
    return { check: 'delegations', thing, fault, remedy }
  }
  const own = delegations.filter((one) => isOf(one, server))
  if (own.length === 0) {
    const missing = finding('is missing', [{ command: toolCommand(server), policy: [] }])
    return [{ ...missing, remedy: `${missing.remedy}, which permits every tool; add --policy to limit it` }]
  }
  return endsOf(owner, agent, thing, own)
}

/**
 * The delegations for tools that the server does not have. Without another delegation for the server, the agent can
 * call none of its tools.
 */
function unknownTools(
  owner: OwnerPlace,
  agent: string,
  server: string,
  delegations: readonly Delegation[],
  tools: readonly string[] | undefined,
): readonly Finding[] {
  if (tools === undefined) return []
  const own = delegations.filter((one) => isOf(one, server))
  const commands = [...new Set(own.map(({ command }) => command))]
  const known = new Map(tools.flatMap((tool) => commandsOf(server, tool)))
  const unknown = commands.filter((command) => command.startsWith(`${toolCommand(server)}/`) && !known.has(command))
  const note = unknown.length < commands.length ? { note: true as const } : {}
  return unknown.map((command) => {
    const right = nearestName(command, [...known.keys()])
    const near = known.get(right ?? '')
    const wrong = own.filter((one) => one.command === command)
    const again = wrong.map(({ policy }) => ({ command: right as Command, policy }))
    const other =
      near === undefined
        ? `see \`procura tools list ${server}\`, give the agent one for the right tool`
        : `did you mean the tool ${quote(near)}? run ${newDelegations(owner, agent, again)}`
    return {
      check: 'delegations',
      thing: `a delegation of the agent ${agent} for the server ${server}`,
      fault: `is for a tool that the server does not have (${command})`,
      remedy: `${other}, and end this one with ${endOf(agent, wrong)}`,
      ...note,
    }
  })
}

/** The command of a tool with its name. A server can have tools whose names are too long or empty, which have none. */
function commandsOf(server: string, tool: string): readonly (readonly [command: string, tool: string])[] {
  try {
    return [[toolCommand(server, tool), tool]]
  } catch (error) {
    if (error instanceof ArgumentError) return []
    throw error
  }
}
