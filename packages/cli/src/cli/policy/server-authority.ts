// node only: reads files
import { join } from 'node:path'
import { anyCommand, type Command, type Delegation, never, systemClock } from 'procura'
import { describeSignerFile } from 'procura/signer/file'
import { decodeDelegation } from 'procura/token'
import { nearestName } from '#support/nearest-name.ts'
import { quote } from '#support/quote.ts'
import { isScoped } from '../../gateway/agent-side/is-scoped.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import { endOf } from '../doctor/new-delegation.ts'
import { type AgentAuthority, agentAuthorities } from '../gateway/agent-authority.ts'
import { findIssued, lastOf } from '../home/find-issued.ts'
import { type GatewayFile, readGatewayFile } from '../home/gateway-file.ts'
import { didsOfOthers, issuedTo, renewableOf } from '../home/issued.ts'
import { agentDids } from '../home/revoke-agent.ts'
import { revokedDelegations } from '../home/revoked-delegations.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/** The delegations of the owner to an agent for a server that are valid now. */
export interface ServerAuthority {
  readonly agent: string
  readonly server: string
  /** The present DID of the agent. */
  readonly did: string
  /** On record, and in the file of the agent; neither revoked nor replaced. */
  readonly current: readonly Delegation[]
  /** On record: they were replaced, and the agent may have kept a copy. And approvals with a scope. */
  readonly earlier: readonly Delegation[]
  /** In the file alone. One of them may have been revoked, and put back by the agent. */
  readonly strays: readonly Delegation[]
}

/** The gateway that has a server. */
export async function gatewayWith(home: string, server: string): Promise<GatewayFile> {
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  if (gateway.servers.has(server)) return gateway
  const names = [...gateway.servers.keys()]
  const near = nearestName(server, names)
  const known = names.length === 0 ? 'it has no server' : `it has ${names.map((name) => quote(name)).join(', ')}`
  throw new UsageError(
    `the gateway has no server ${quote(server)}; ${near === undefined ? known : `did you mean ${quote(near)}?`}`,
  )
}

/** Whether a command is about a server: all of it, one of its tools, or more than one server. */
export function reaches(command: string, server: string): boolean {
  const whole = toolCommand(server)
  return isWide(command) || command === whole || command.startsWith(`${whole}/`)
}

/** Whether a command is about every server. */
export function isWide(command: string): boolean {
  return command === anyCommand || command === '/mcp'
}

/**
 * The agent whose delegations change.
 *
 * @throws UsageError when none is named, and not exactly one agent has a delegation of the owner for the server.
 */
export async function chosenAgent(home: string, server: string, flags: Flags, host: Host): Promise<string> {
  const agents = await agentAuthorities(home, flags, host)
  const given = textOf(flags, 'agent')
  if (given !== undefined) {
    if (agents.some(({ name }) => name === given)) return given
    const near = nearestName(
      given,
      agents.map(({ name }) => name),
    )
    throw new UsageError(
      `there is no agent ${quote(given)}; ${near === undefined ? '`procura agent list` lists the agents' : `did you mean ${quote(near)}?`}`,
    )
  }
  const owners = await didsOf(join(home, 'owner.key'))
  const mayHave = ({ may, fault }: AgentAuthority): boolean =>
    fault !== undefined || may.some(({ command, issuer }) => owners.includes(issuer) && reaches(command, server))
  const [only, ...more] = agents.filter(mayHave).map(({ name }) => name)
  if (only !== undefined && more.length === 0) return only
  throw new UsageError(
    only === undefined
      ? `no agent has a delegation for ${quote(server)}; choose one with --agent: ${agents.map(({ name }) => name).join(', ')}`
      : `${1 + more.length} agents have ${quote(server)}; choose one with --agent: ${[only, ...more].join(', ')}`,
  )
}

async function didsOf(path: string): Promise<readonly string[]> {
  const { keys } = await describeSignerFile({ path }).catch(() => ({ keys: [] }))
  return keys.map(({ did }) => did)
}

/** The sources of {@link serverAuthority}. */
export interface AuthoritySources {
  /** Of the vault; undefined if it was not opened: the file of the agent then counts as the record. */
  readonly secrets: ReadonlyMap<string, string> | undefined
  /** The delegations in the file of the agent, which it can change. */
  readonly tokens: readonly Uint8Array[]
  /** Tells which delegations are revoked. Default: all count. */
  readonly gateway?: Pick<GatewayFile, 'path' | 'stateFile' | 'logFolder'>
}

/**
 * Finds the delegations of the owner to an agent for a server. The agent can fill its file, so only those that are on
 * record as well are ever signed again. WRP-51
 */
export async function serverAuthority(
  home: string,
  agent: string,
  server: string,
  { secrets, tokens, gateway }: AuthoritySources,
): Promise<ServerAuthority> {
  const folder = join(home, 'agents', agent)
  const [did = ''] = await didsOf(join(folder, 'agent.key'))
  const inFile = await Promise.all(tokens.map((bytes) => decodeDelegation(bytes)))
  const place = { secrets: new Map(secrets) }
  const recorded = await issuedTo(place, agent)
  const owners = new Set(await didsOf(join(home, 'owner.key')))
  const dids = await agentDids(folder, recorded, await didsOfOthers(place, agent))
  const now = systemClock.now()
  const { chains } = await findIssued({
    ...{ owners, recorded, inFile, agent: dids },
    isWanted: ({ audience, command, expiration }) =>
      audience === did && reaches(command, server) && (expiration === never || expiration > now),
  })
  const direct = chains.filter(({ length }) => length === 1).map(lastOf)
  const revoked = gateway === undefined ? new Set() : await revokedDelegations(home, gateway, direct)
  const own = direct.filter((one) => !revoked.has(idOf(one)))
  // The agent can put a copy of one that was replaced into its file.
  const { withdrawn } = await renewableOf(place, agent)
  const [onRecord, present] = [recorded, inFile].map((list) => new Set(list.map(idOf))) as [Set<string>, Set<string>]
  const isRecorded = (one: Delegation): boolean => secrets === undefined || onRecord.has(idOf(one))
  const isFormer = (one: Delegation): boolean => isScoped(one) || withdrawn.has(idOf(one))
  return {
    ...{ agent, server, did },
    current: own.filter((one) => present.has(idOf(one)) && isRecorded(one) && !isFormer(one)),
    // An approval with a scope ends with the policy that it was an exception from.
    earlier: own.filter((one) => !present.has(idOf(one)) || (isRecorded(one) && isFormer(one))),
    strays: own.filter((one) => present.has(idOf(one)) && !isRecorded(one)),
  }
}

function idOf({ cid }: Delegation): string {
  return cid.toString()
}

/**
 * Refuses a change that delegations beside the changed ones would make void.
 *
 * @param commands - those whose authority changes; undefined for all of the server.
 */
export function checkNothingBeside(
  { agent, server, current, strays }: ServerAuthority,
  commands: readonly Command[] | undefined,
): void {
  const covers = ({ command }: Delegation): boolean =>
    isWide(command) || command === toolCommand(server) || commands === undefined || commands.includes(command)
  const beside = [...current.filter(({ command }) => isWide(command)), ...strays.filter(covers)]
  if (beside.length === 0) return
  const what = [...new Set(beside.map(({ command }) => command))].join(' and ')
  throw new UsageError(
    `the agent ${agent} also has a delegation for ${what} that cannot be changed here, because it is for every server or not on record; end it with ${endOf(agent, beside)}, and run this again`,
  )
}
