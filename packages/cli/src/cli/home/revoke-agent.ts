// node only: reads and writes files
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Delegation, never } from 'procura'
import type { DelegationStore } from 'procura/agent'
import { describeSignerFile } from 'procura/signer/file'
import { quote } from '#support/quote.ts'
import { agentFolder, gatewayHome, isAgentName } from '../../gateway/configuration/home.ts'
import { agentNames } from '../../gateway/configuration/principal-names.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { shellQuoted } from '../../support/shell-quoted.ts'
import type { Host } from '../host.ts'
import { didOf } from '../terminal/did-text.ts'
import { showDate } from '../terminal/time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, neededOf, textOf } from '../verb.ts'
import { type AgentStores, agentStores } from './agent-stores.ts'
import { type FoundIssued, findIssued } from './find-issued.ts'
import { readGatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { held, isOf } from './issue.ts'
import {
  agentsRecordedWith,
  allOf,
  didsOfOthers,
  forgetIssued,
  type IssuedPlace,
  issuedTo,
  openIssued,
  withdrawIssued,
} from './issued.ts'
import { revokeAll } from './revoke-issued.ts'
import { settleKeyChange } from './settle-key-change.ts'
import { placeGiven, vaultKey } from './vault-key.ts'
import { inHome, openOwner } from './wrap-home.ts'

/** The number of delegations in words. */
export function countOf({ length }: readonly Delegation[]): string {
  return countIn(length)
}

function countIn(count: number): string {
  return `${count} ${count === 1 ? 'delegation' : 'delegations'}`
}

/** A line about the tokens in the file of an agent that are not what they claim. */
export function ignored({ forged }: FoundIssued): readonly string[] {
  return forged === 0
    ? []
    : [`ignored ${countIn(forged)} in the file of the agent that the owner has not signed about itself`]
}

/** The message about delegations that could not be revoked: one line, or an empty list when all were revoked. */
export function stillValid(delegations: readonly Delegation[]): readonly string[] {
  const list = delegations.map((one) => `${one.cid} until ${showEnd(one)}`)
  return list.length === 0 ? [] : [`not revoked, and valid for a copy of it: ${list.join(', ')}`]
}

function showEnd({ expiration }: Delegation): string {
  return expiration === never ? 'for ever' : showDate(expiration)
}

/**
 * `procura revoke --agent NAME-OR-DID [--server NAME]`: ends the delegations that the verbs of the home folder have
 * issued to an agent.
 */
export async function revokeAgent(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0 || textOf(flags, 'from') !== undefined)
    throw new UsageError('--agent revokes the delegations of the owner of the gateway; pass no file and no --from')
  const other = ['out', 'ledger'].find((name) => flags[name] !== undefined)
  if (other !== undefined) throw new UsageError(`--${other} is for a delegation in FILE; leave it out with --agent`)
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  const given = neededOf(flags, 'agent', 'the name of the agent, or its DID')
  const did = /^did:/i.test(given) ? didOf('agent', given) : undefined
  const folder = did === undefined ? await agentFolder(home, given) : ''
  const [server, cid] = [textOf(flags, 'server'), textOf(flags, 'delegation')]
  return inHome(home, async () => {
    const key = await vaultKey(placeGiven(gateway.vault, flags), host, false)
    await settleKeyChange(home, gateway.vault, key, host)
    const owner = await openOwner(home, key)
    const place = await openIssued(gateway.vault.file, key)
    const stores = agentStores(flags, host)
    const agent =
      did === undefined ? await inFolder(home, folder, place, stores) : await ofDid(home, did, place, stores)
    const { names, recorded, files } = agent
    const isWanted = (one: Delegation): boolean =>
      (did === undefined || one.audience === did) &&
      (server === undefined || isOf(one, server)) &&
      (cid === undefined || one.cid.toString() === cid)
    for (const name of names) await withdrawIssued(place, name, isWanted)
    const inFile = allOf(...files.map(({ delegations }) => delegations))
    const found = await findIssued({ owners: owner.dids, recorded, inFile, agent: agent.dids, isWanted })
    const { chains } = found
    const { done, dryRun, taken, messages } = await revokeAll(home, owner, chains)
    for (const name of names) await forgetIssued(place, name, taken)
    if (flags['json'] === true)
      host.print(
        JSON.stringify({
          revoked: done.map(({ cid, command }) => ({ delegation: cid.toString(), command })),
          left: found.others.map(({ cid, command, audience }) => ({ delegation: cid.toString(), command, audience })),
          ...(dryRun && { dryRun }),
        }),
      )
    else for (const { cid, command } of done) host.print(`revoked ${cid.toString()} for ${command}`)
    for (const message of chains.length === 0 ? [nothingIssued(server, recorded)] : messages) host.complain(message)
    for (const note of [...ignored(found), ...(await leftOut(home, found))]) host.complain(note)
    if ([...owner.dids].some((one) => !gateway.subjects.includes(one)))
      host.complain(
        'a delegation by a former key of the owner is not among them; it ends when the gateway takes gateway.json: run `procura reload`',
      )
    const faults = files.flatMap(({ fault }) => fault ?? [])
    for (const fault of faults)
      host.complain(`the agent may have more delegations, in a file that cannot be read: ${fault}`)
    const gone = done.map(({ cid }) => cid.toString())
    if (gone.length > 0) for (const { store } of files) await store?.change({ add: new Map(), remove: gone }, {})
    return done.length < chains.length || chains.length === 0 || faults.length > 0 ? 1 : 0
  })
}

/** The agent whose delegations end. */
interface EndedAgent {
  /** The names in the records. */
  readonly names: readonly string[]
  readonly recorded: readonly Delegation[]
  readonly files: readonly OwnFile[]
  readonly dids: ReadonlySet<string>
}

/** The agent with a name, or in a folder. */
async function inFolder(home: string, folder: string, place: IssuedPlace, stores: AgentStores): Promise<EndedAgent> {
  const name = await recordedName(home, folder)
  const recorded = await issuedTo(place, name)
  const isThere = await exists(folder)
  if (!isThere && recorded.length === 0)
    throw new UsageError(`the agent ${quote(folder, 256)} does not exist; \`procura agent list\` lists the agents`)
  const files = isThere ? [await ownFile(() => stores(folder), recorded)] : []
  const dids = await agentDids(folder, recorded, await didsOfOthers(place, name))
  if (dids.size === 0) throw new UsageError(unknownDid(folder))
  return { names: [name], recorded, files, dids }
}

/**
 * The agent with a DID: all that is on record for it, under any name, and the files of the agents that are recorded
 * with it or have its key. Another agent can claim the key, so its file is one more place to look at, and the
 * delegations to that agent stay. CON-38
 */
async function ofDid(home: string, did: string, place: IssuedPlace, stores: AgentStores): Promise<EndedAgent> {
  const names = await agentsRecordedWith(place, did)
  const recorded = (await Promise.all(names.map((name) => issuedTo(place, name)))).flat()
  const files: OwnFile[] = []
  for (const name of (await namesInFolder(join(home, 'agents'))).filter(isAgentName)) {
    const folder = join(home, 'agents', name)
    const { keys } = await describeSignerFile({ path: join(folder, 'agent.key') }).catch(() => ({ keys: [] }))
    if (!names.includes(name) && !keys.some((key) => key.did === did)) continue
    // A file that cannot be read does not keep the others from being revoked.
    files.push(await readOwn(() => stores(folder)))
  }
  return { names, recorded: recorded.filter(({ audience }) => audience === did), files, dids: new Set([did]) }
}

/** Most delegations that a message lists. */
const mostListed = 8

/** The delegations in the file of an agent that stay, each with the reason. */
async function leftOut(home: string, { others, foreign }: FoundIssued): Promise<readonly string[]> {
  const names = others.length === 0 ? {} : await agentNames(home)
  const lines = others.slice(0, mostListed).map(({ cid, command, audience }) => {
    const name = names[audience]
    const next =
      name === undefined
        ? `\`procura revoke FILE --from ${shellQuoted(join(home, 'owner.key'))}\``
        : `\`procura revoke --agent ${name}\``
    const to = name === undefined ? audience : `the agent ${name}`
    return `left ${cid} for ${command}: it is to ${to}, and this agent cannot use it; ${next} revokes it`
  })
  return [
    ...lines,
    ...(others.length > lines.length ? [`left ${others.length - lines.length} more of this kind`] : []),
    ...(foreign === 0
      ? []
      : [
          `left ${countIn(foreign)} in the file of the agent that the owner cannot revoke: no chain there leads to them`,
        ]),
  ]
}

/**
 * The DIDs of an agent: those of its key file, and those of the recorded delegations. It could replace its key file by
 * one that claims the DID of another agent.
 *
 * @param others - the DIDs that are recorded for other agents.
 */
export async function agentDids(
  folder: string,
  recorded: readonly Delegation[],
  others: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const { keys } = await describeSignerFile({ path: join(folder, 'agent.key') }).catch(() => ({ keys: [] }))
  return new Set<string>([
    ...keys.map(({ did }) => did).filter((did) => !others.has(did)),
    ...recorded.map(({ audience }) => audience),
  ])
}

/** Without the DID of an agent, the delegations to it cannot be told from those to others. */
export function unknownDid(folder: string): string {
  return `${quote(join(folder, 'agent.key'), 256)} cannot be read, or has the DID of another agent, so the DID of the agent is unknown; restore the file, or pass a delegation to \`procura revoke FILE --from ${shellQuoted(join(folder, '..', '..', 'owner.key'))}\``
}

/** The name of an agent in the records; empty for one in a folder elsewhere, which has no record. */
async function recordedName(home: string, folder: string): Promise<string> {
  const [agents, place, target] = await Promise.all([join(home, 'agents'), dirname(folder), folder].map(realPath))
  // The path of the folder may lead through a link to the home folder. The name of a link beside the agents counts, and
  // not its target: the agent could have made it, with the folder of another agent.
  if (place === agents) return basename(folder)
  return dirname(target as string) === agents ? basename(target as string) : ''
}

function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

/** Lists the recorded ones alone: an agent can fill its file with others. */
function nothingIssued(server: string | undefined, recorded: readonly Delegation[]): string {
  if (recorded.length === 0) return 'the agent has no such delegation'
  if (server === undefined) {
    const cids = recorded.slice(0, mostListed).map(({ cid }) => cid.toString())
    return `the agent has no such delegation; it has ${cids.join(', ')}`
  }
  const commands = [...new Set(recorded.map(({ command }) => command))].join(', ')
  return `the agent has no delegation for the server ${quote(server)}; it has ${commands}`
}

/** The file of an agent with its delegations. */
interface OwnFile {
  readonly store?: DelegationStore
  readonly delegations: readonly Delegation[]
  readonly fault?: string
  readonly error?: unknown
}

/** Reads the file of an agent. An agent that makes it unreadable does not keep the recorded delegations. */
async function ownFile(open: () => Promise<DelegationStore>, recorded: readonly Delegation[]): Promise<OwnFile> {
  const own = await readOwn(open)
  if (own.fault !== undefined && recorded.length === 0) throw own.error
  return own
}

async function readOwn(open: () => Promise<DelegationStore>): Promise<OwnFile> {
  try {
    const store = await open()
    return { store, delegations: await held(store) }
  } catch (error) {
    return { delegations: [], fault: (error as Error).message, error }
  }
}
