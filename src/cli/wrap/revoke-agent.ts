// node only: reads and writes files
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { verifyDelegation } from '../../authorization/verify-delegation.ts'
import type { Delegation } from '../../delegation/delegation.ts'
import { agentFolder, gatewayHome } from '../../gateway/home.ts'
import type { Signer } from '../../principal/signer.ts'
import type { DelegationStore } from '../../proof/delegation-store.ts'
import { revoke } from '../../revocation/revoke.ts'
import { openSignerFile } from '../../signer-file/signer-file.ts'
import { quote } from '../../support/quote.ts'
import { never } from '../../time.ts'
import { agentStores } from '../agent-stores.ts'
import type { Host } from '../host.ts'
import { type Sent, sendRevocation } from '../send-revocation.ts'
import { showDate } from '../time-text.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, neededOf, textOf } from '../verb.ts'
import { readGatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { held, isOf } from './issue.ts'
import { allOf, forgetIssued, issuedTo, openIssued } from './issued.ts'
import { vaultKey } from './vault-key.ts'
import { inHome } from './wrap-home.ts'

/** Revocations of delegations of one owner. */
export interface Revoked {
  /** The delegations that a gateway has taken, or takes at its start. */
  readonly done: readonly Delegation[]
  /** What became of them, each line once. */
  readonly messages: readonly string[]
}

/** The number of delegations in words. */
export function countOf({ length }: readonly Delegation[]): string {
  return countIn(length)
}

function countIn(count: number): string {
  return `${count} ${count === 1 ? 'delegation' : 'delegations'}`
}

/** Delegations that an owner has issued to an agent. */
export interface Issued {
  readonly delegations: readonly Delegation[]
  /** A line about those that only claim the owner as their issuer. */
  readonly messages: readonly string[]
}

/**
 * The delegations that an owner has issued to an agent, the recorded ones first. The agent can fill its file with others
 * that claim the owner as their issuer: each would be sent, and refused.
 *
 * @param inFile - of the file of the agent.
 */
export async function issuedBy(
  owner: Signer,
  recorded: readonly Delegation[],
  inFile: readonly Delegation[],
  isWanted: (delegation: Delegation) => boolean,
): Promise<Issued> {
  const known = new Set(recorded.map(({ cid }) => cid.toString()))
  const wanted = allOf(recorded, inFile).filter((one) => one.issuer === owner.did && isWanted(one))
  const delegations: Delegation[] = []
  for (const one of wanted) if (known.has(one.cid.toString()) || (await isSigned(one))) delegations.push(one)
  const others = wanted.length - delegations.length
  if (others === 0) return { delegations, messages: [] }
  const message = `ignored ${countIn(others)} in the file of the agent that the owner has not signed about itself`
  return { delegations, messages: [message] }
}

/** Whether a delegation is signed by its issuer, about itself. One that begins later, or has ended, counts too. */
async function isSigned(delegation: Delegation): Promise<boolean> {
  const { notBefore, expiration } = delegation
  const time = notBefore ?? (expiration === never ? 0 : expiration)
  return (await verifyDelegation([delegation], { clock: { now: () => time } })).verified
}

/** The message about delegations that could not be revoked: one line, or an empty list when all were revoked. */
export function stillValid(delegations: readonly Delegation[]): readonly string[] {
  const list = delegations.map((one) => `${one.cid} until ${showEnd(one)}`)
  return list.length === 0 ? [] : [`not revoked, and valid for a copy of it: ${list.join(', ')}`]
}

function showEnd({ expiration }: Delegation): string {
  return expiration === never ? 'for ever' : showDate(expiration)
}

/** Revokes delegations that an owner has issued, at the gateway of a home folder. */
export async function revokeAll(home: string, owner: Signer, delegations: readonly Delegation[]): Promise<Revoked> {
  const sent: (readonly [Delegation, Sent])[] = []
  for (const delegation of delegations) {
    const revocation = await revoke({ issuer: owner, delegation })
    const answer = await sendRevocation(home, revocation, [delegation])
    if (answer !== undefined) sent.push([delegation, answer])
  }
  return {
    done: sent.filter(([, { state }]) => state === 'taken' || state === 'waiting').map(([delegation]) => delegation),
    messages: [...new Set(sent.map(([, { message }]) => message))],
  }
}

/** `procura revoke --agent NAME [--server NAME]`: ends the delegations that `procura wrap` and `procura api` have issued. */
export async function revokeAgent(words: readonly string[], flags: Flags, host: Host): Promise<number> {
  if (words.length > 0 || textOf(flags, 'from') !== undefined)
    throw new UsageError('--agent revokes the delegations of the owner of the gateway; pass no file and no --from')
  const home = gatewayHome(textOf(flags, 'home'), host.env)
  const gateway = await readGatewayFile(home)
  if (gateway === undefined)
    throw new UsageError(`${quote(home, 256)} has no gateway.json; name its folder with --home`)
  const folder = await agentFolder(home, neededOf(flags, 'agent', 'the name of the agent'))
  const server = textOf(flags, 'server')
  return inHome(home, async () => {
    const key = await vaultKey(gateway.vault.keyFile ?? textOf(flags, 'key-file'), host, false)
    const { signer } = await openSignerFile({ path: join(home, 'owner.key'), key })
    const place = await openIssued(gateway.vault.file, key)
    const name = await recordedName(home, folder)
    const recorded = await issuedTo(place, name)
    const isThere = await exists(folder)
    if (!isThere && recorded.length === 0) throw new UsageError(`the agent ${quote(folder, 256)} does not exist`)
    const own = isThere ? await ownFile(() => agentStores(flags, host)(folder), recorded) : undefined
    const { delegations: issued, messages: notes } = await issuedBy(
      signer,
      recorded,
      own?.delegations ?? [],
      (one) => server === undefined || isOf(one, server),
    )
    const { done, messages } = await revokeAll(home, signer, issued)
    await forgetIssued(place, name, done)
    if (flags['json'] === true)
      host.print(JSON.stringify({ revoked: done.map(({ cid, command }) => ({ delegation: cid.toString(), command })) }))
    else for (const { cid, command } of done) host.print(`revoked ${cid.toString()} for ${command}`)
    for (const message of issued.length === 0 ? [nothingIssued(server, recorded)] : messages) host.complain(message)
    for (const note of notes) host.complain(note)
    if (own?.fault !== undefined)
      host.complain(`the agent may have more delegations, in a file that cannot be read: ${own.fault}`)
    if (done.length > 0) await own?.store?.change({ add: new Map(), remove: done.map(({ cid }) => cid.toString()) }, {})
    return done.length < issued.length || issued.length === 0 || own?.fault !== undefined ? 1 : 0
  })
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
  if (server === undefined || recorded.length === 0) return 'the agent has no such delegation'
  const commands = [...new Set(recorded.map(({ command }) => command))].join(', ')
  return `the agent has no delegation for the server ${quote(server)}; it has ${commands}`
}

/** The file of an agent with its delegations. */
interface OwnFile {
  readonly store?: DelegationStore
  readonly delegations: readonly Delegation[]
  readonly fault?: string
}

/** Reads the file of an agent. An agent that makes it unreadable does not keep the recorded delegations. */
async function ownFile(open: () => Promise<DelegationStore>, recorded: readonly Delegation[]): Promise<OwnFile> {
  try {
    const store = await open()
    return { store, delegations: await held(store) }
  } catch (error) {
    if (recorded.length === 0) throw error
    return { delegations: [], fault: (error as Error).message }
  }
}
