// node only: reads and writes files
/**
 * Approvals with a scope: delegations by the owner of a gateway to an agent of its home folder.
 *
 * @module
 */
import { dirname, join } from 'node:path'
import {
  anyCommand,
  type Delegation,
  delegate,
  encodeContainer,
  never,
  type Policy,
  type Signer,
  systemClock,
} from 'procura'
import type { DelegationStore } from 'procura/agent'
import { verifyDelegation } from 'procura/authorization'
import { ArgumentError } from 'procura/errors'
import { describeSignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { isScoped } from '../../gateway/agent-side/is-scoped.ts'
import type { ArgumentConfig, GatewayConfig } from '../../gateway/configuration/read-gateway-config.ts'
import { answerApproval, type WaitingApproval } from '../../gateway/serve/approvals/review-approvals.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import { agentStores } from '../home/agent-stores.ts'
import { recordIssued } from '../home/home-ledger.ts'
import { held } from '../home/issue.ts'
import { forgetIssued, type IssuedPlace, noteIssued, openIssued, renewableOf } from '../home/issued.ts'
import { vaultKey } from '../home/vault-key.ts'
import { inHome } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import { record } from '../logs/ledger.ts'
import { showDate } from '../terminal/time-text.ts'
import type { Flags } from '../verb.ts'
import type { ApproverKeys } from './approver-keys.ts'
import { proposeScopes, type Scope } from './scopes.ts'

/** The scopes of a request; or why this call alone can be approved. */
export type Scopes = { readonly why: string; readonly isRule?: true } | OfferedScopes

/** The scopes of a request, and the place of what they give. */
export interface OfferedScopes {
  readonly scopes: readonly Scope[]
  /** The last second of each. */
  readonly expiration: number
  /** The name of the agent in the home folder. */
  readonly agent: string
  readonly store: DelegationStore
  readonly vaultKey: FileKey
}

/** The question of {@link scopesFor}. */
export interface ScopesQuestion {
  readonly config: GatewayConfig
  readonly waiting: WaitingApproval
  /** Seconds for which a scope is valid. */
  readonly seconds: number
  /** Opens the keys of the approver. */
  readonly keys: () => Promise<ApproverKeys>
}

/** Finds the scopes of a request. APR-71 */
export async function scopesFor(question: ScopesQuestion, flags: Flags, host: Host): Promise<Scopes> {
  const { config, waiting, seconds, keys } = question
  const { request } = waiting
  const home = dirname(config.path)
  const tool = serverOf(request.command, config)
  if (tool === undefined) return { why: 'an approval for longer is for a tool of an MCP server' }
  if (tool.byRule)
    return { why: 'each call of this tool needs an approval of its own, by a rule of gateway.json', isRule: true }
  if (request.approver !== request.subject || !config.subjects.includes(request.subject))
    return { why: 'an approval for longer needs the key of the owner of the gateway' }
  const { keys: service } = await describeSignerFile({ path: config.service.key })
  if (service[0]?.did !== request.service) return { why: 'the request is for another gateway' }
  const agent = await agentOf(home, request.agent)
  if (agent === undefined) return { why: 'an approval for longer is for an agent with a folder in the home folder' }
  const opened = await keys()
  try {
    const store = await agentStores(flags, { ...host, isTerminal: false })(join(home, 'agents', agent))
    const inFile = await held(store)
    const key = await keyOfVault(config, opened, host)
    const { delegations, withdrawn } = await renewableOf(await openIssued(config.vault.file, key), agent)
    // The conditions of one that was replaced do not count any more.
    const present = inFile.filter(({ cid }) => !withdrawn.has(cid.toString()))
    const expiration = systemClock.now() + seconds
    const policies = await heldPolicies(request, delegations, present)
    const types = tool.server.types ?? {}
    const scopes = proposeScopes(request, { held: policies, types, end: `until ${showDate(expiration)}` })
    return { scopes, expiration, agent, store, vaultKey: key }
  } catch (error) {
    return { why: `what the agent may do cannot be read: ${(error as Error).message}` }
  }
}

/** The server of a command of one of its tools, and whether each call needs approvals by a rule. */
function serverOf(
  command: string,
  { servers }: GatewayConfig,
): { readonly server: ArgumentConfig; readonly byRule: boolean } | undefined {
  const [, room, name = '', tool, ...more] = command.split('/')
  const server = servers.get(name)
  if (room !== 'mcp' || server === undefined || tool === undefined || more.length > 0) return undefined
  const rules = Object.keys(server.approvals ?? {})
  return { server, byRule: rules.some((rule) => rule === '*' || toolCommand(name, rule) === command) }
}

/** The name of the only agent with this DID. An agent could give its key file the DID of another one. */
async function agentOf(home: string, did: string): Promise<string | undefined> {
  const names = await namesInFolder(join(home, 'agents'))
  const found: string[] = []
  for (const name of names) {
    const { keys } = await describeSignerFile({ path: join(home, 'agents', name, 'agent.key') }).catch(() => ({
      keys: [],
    }))
    if (keys[0]?.did === did) found.push(name)
  }
  return found.length === 1 ? found[0] : undefined
}

/** The key of the vault, whose passphrase is usually that of the owner's key, which was just typed. */
async function keyOfVault({ vault }: GatewayConfig, { key }: ApproverKeys, host: Host): Promise<FileKey> {
  return vault.keyFile === undefined && key !== undefined ? key : vaultKey(vault, host, false)
}

/**
 * The policies of the delegations of the owner to the agent. The agent can fill its file with delegations that were
 * revoked: those that are not recorded count only where none is.
 */
async function heldPolicies(
  { agent, subject, command }: WaitingApproval['request'],
  recorded: readonly Delegation[],
  inFile: readonly Delegation[],
): Promise<readonly Policy[]> {
  const now = systemClock.now()
  const isOfCall = (one: Delegation): boolean =>
    one.audience === agent &&
    one.issuer === subject &&
    one.subject === subject &&
    !isScoped(one) &&
    (one.expiration === never || one.expiration >= now) &&
    (one.command === anyCommand || `${command}/`.startsWith(`${one.command}/`))
  const known = recorded.filter(isOfCall)
  if (known.length > 0) return known.map(({ policy }) => policy)
  const signed: Policy[] = []
  for (const one of inFile.filter(isOfCall)) if ((await verifyDelegation([one])).verified) signed.push(one.policy)
  return signed
}

/**
 * Gives a scope: the delegation is the answer to the request, and stays with the agent. APR-72
 *
 * It is recorded before the agent can have it, so that it can be revoked whatever happens then.
 */
export async function giveScope(
  { config, waiting }: Pick<ScopesQuestion, 'config' | 'waiting'>,
  { agent, store, expiration, vaultKey: key }: OfferedScopes,
  { policy }: Scope,
  issuer: Signer,
  flags: Flags,
  host: Host,
): Promise<Delegation> {
  const { id, request } = waiting
  request.authorization.consume(systemClock.now())
  const { agent: audience, command, cid } = request
  const delegation = await delegate({ issuer, audience, command, policy, expiration, meta: { approval: cid } })
  const home = dirname(config.path)
  await inHome(home, async () => {
    const place: IssuedPlace = await openIssued(config.vault.file, key)
    await recordIssued(home, [delegation])
    await record(flags, host, (ledger) => ledger.issued([delegation]))
    await noteIssued(place, agent, [delegation])
    try {
      await answerApproval({ config, id, answer: encodeContainer([delegation]) })
    } catch (error) {
      // It was not stored: the request has an answer, or is gone.
      if (error instanceof ArgumentError) await forgetIssued(place, agent, [delegation])
      throw error
    }
    await store.change({ add: new Map([[delegation.cid.toString(), delegation.bytes]]), remove: [] }, {})
  })
  return delegation
}
