// node only: reads and writes files
import { basename, dirname, join, resolve } from 'node:path'
import { type Delegation, delegate, never, systemClock } from 'procura'
import { rotateSignerFile, type SignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { changeConnection } from '../../gateway/agent-side/connect/change-connection.ts'
import { namesInFolder } from '../../support/names-in-folder.ts'
import type { Host } from '../host.ts'
import { inOwnWords } from '../terminal/own-words.ts'
import { UsageError } from '../usage-error.ts'
import type { Flags } from '../verb.ts'
import { type AgentStores, agentStores } from './agent-stores.ts'
import { findIssued, lastOf } from './find-issued.ts'
import { type GatewayFile, readGatewayFile, writeGatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { recordIssued } from './home-ledger.ts'
import { inMessage } from './host-at-home.ts'
import { held } from './issue.ts'
import {
  didsOfOthers,
  forgetIssued,
  type IssuedPlace,
  issuedTo,
  noteIssued,
  openIssued,
  recordedAgents,
  renewableOf,
} from './issued.ts'
import { finishExchanges } from './replace-delegations.ts'
import { agentDids } from './revoke-agent.ts'
import { revokedDelegations } from './revoked-delegations.ts'
import { settleKeyChange } from './settle-key-change.ts'
import { inHome, type Owner, openOwner } from './wrap-home.ts'

/** The gateway that acts for the owner whose key a file is. */
export async function gatewayOfOwner(path: string, dids: readonly string[]): Promise<GatewayFile | undefined> {
  const file = resolve(path)
  if (basename(file) !== 'owner.key') return undefined
  const gateway = await readGatewayFile(dirname(file))
  return gateway !== undefined && dids.some((did) => gateway.subjects.includes(did)) ? gateway : undefined
}

/** The owner of a gateway with a new key. */
export interface RotatedOwner {
  readonly did: string
  /** The next steps. */
  readonly messages: readonly string[]
}

/**
 * Makes a new key of the owner of a gateway, and moves its agents to it: they get their delegations again, signed by
 * the new key, and their `connect.json` names it. The gateway comes last. A run that was killed is finished by the next
 * one, which makes no further key. WRP-44
 *
 * @param key - opens the vault of the gateway and the key of the owner.
 */
export async function rotateOwner(
  gateway: GatewayFile,
  keep: number,
  key: FileKey,
  flags: Flags,
  host: Host,
): Promise<RotatedOwner> {
  if (keep === 0)
    throw new UsageError(
      '--keep 0 would remove the key that can revoke what the owner has delegated; leave it out for the owner of a gateway',
    )
  const home = dirname(gateway.path)
  return inHome(home, async (lock) => {
    await settleKeyChange(home, gateway.vault, key, host)
    const place = await openIssued(gateway.vault.file, key)
    const recorded = await Promise.all(recordedAgents(place).map((name) => issuedTo(place, name)))
    const revoked = await revokedDelegations(home, gateway, recorded.flat())
    let owner = await openOwner(home, key)
    const finished = await finishExchanges({ ...place, path: home, owner, stores: agentStores(flags, host) })
    if (gateway.subjects.includes(owner.signer.did)) {
      const file: SignerFile = await rotateSignerFile({ path: join(home, 'owner.key'), keep, key })
      const signers = [file.signer, ...file.previous]
      owner = { signer: file.signer, signers, dids: new Set<string>(signers.map(({ did }) => did)) }
    }
    const { did } = owner.signer
    const former = new Set<string>(gateway.subjects.filter((one) => one !== did && owner.dids.has(one)))
    const moved = await moveAgents({ home, place, owner, former, revoked, stores: agentStores(flags, host) })
    // The former DID can be an approver, too.
    const content: Readonly<Record<string, unknown>> = JSON.parse(JSON.stringify(gateway.content), (_, value) =>
      former.has(value) ? did : value,
    )
    const subjects = [...new Set(content['subjects'] as readonly string[])]
    await writeGatewayFile(home, { ...content, subjects }, lock)
    const messages = [...finished, ...moved, ...nextSteps(gateway, did, [...former])]
    // The verb takes no --home: the key file is in the home folder.
    return { did, messages: messages.map((one) => inMessage(one, { ...flags, home }, host)) }
  })
}

function nextSteps({ path }: GatewayFile, did: string, former: readonly string[]): readonly string[] {
  return [
    `${quote(path, 256)} lists ${did} in the place of ${former.join(', ')}: run \`procura reload\`, or \`procura start\` if the gateway does not run, and all that the former key has signed ends; then restart the clients`,
    'an agent or approver whose folder is elsewhere, and one that has its authority from another agent, needs a new delegation, with `procura delegate` or `procura attenuate`',
  ]
}

interface Move {
  readonly home: string
  readonly place: IssuedPlace
  readonly owner: Owner
  readonly former: ReadonlySet<string>
  /** Those that the gateway has revoked, and those whose revocation waits for it. They can still be on record. */
  readonly revoked: ReadonlySet<string>
  readonly stores: AgentStores
}

/** Moves all agents. One whose files cannot be read does not keep the others with a key that has perhaps leaked. */
async function moveAgents(move: Move): Promise<readonly string[]> {
  const { home, place } = move
  const messages: string[] = []
  const counts: number[] = []
  for (const name of new Set([...(await namesInFolder(join(home, 'agents'))), ...recordedAgents(place)])) {
    try {
      const { made, left } = await moveAgent(move, name)
      if (made > 0) counts.push(made)
      if (left > 0)
        messages.push(
          `the agent ${name} does not get ${left} of its former delegations again, because \`wrap\` did not issue them, or they were replaced or revoked; issue what it needs with \`procura delegate\``,
        )
    } catch (error) {
      const fault = error instanceof Error ? inOwnWords(error.message) : 'unknown error'
      messages.push(`the agent ${name} keeps its former delegations, which end: ${fault}`)
    }
  }
  const all = counts.reduce((sum, count) => sum + count, 0)
  const made = `signed ${all} ${all === 1 ? 'delegation' : 'delegations'} of ${counts.length} ${counts.length === 1 ? 'agent' : 'agents'} again`
  return [made, ...messages]
}

/**
 * Signs again only what is on record and in the file of the agent: a delegation that was replaced is on record alone,
 * and the agent can put a copy of a revoked one into its file.
 *
 * @returns the number of delegations that the agent has again, and of those that it loses.
 */
async function moveAgent(
  { home, place, owner, former, revoked, stores }: Move,
  name: string,
): Promise<{ readonly made: number; readonly left: number }> {
  const folder = join(home, 'agents', name)
  if (!(await exists(folder))) return { made: 0, left: 0 }
  const recorded = await issuedTo(place, name)
  const store = await stores(folder)
  const inFile = await held(store)
  const agent = await agentDids(folder, recorded, await didsOfOthers(place, name))
  const { chains } = await findIssued({ owners: former, recorded, inFile, agent, isWanted: () => true })
  const old = chains.filter(({ length }) => length === 1).map(lastOf)
  const { signer } = owner
  // A run that was killed has recorded what it made. The agent can fill its file.
  const known = recorded.filter(({ issuer }) => issuer === signer.did)
  const [onRecord, present] = [recorded, inFile].map((list) => new Set(list.map(idOf))) as [Set<string>, Set<string>]
  const current = old.filter((one) => isCurrent(one) && present.has(idOf(one)))
  const { withdrawn, lengths } = await renewableOf(place, name)
  // One that was replaced is on record, and the agent can put a copy of it into its file.
  const isLeft = (cid: string): boolean => !onRecord.has(cid) || revoked.has(cid) || withdrawn.has(cid)
  const kept = current.filter((one) => !isLeft(idOf(one)))
  const again = [...new Map(kept.map((one) => [termsOf(one), one] as const))]
  const [made, fresh]: [Delegation[], Delegation[]] = [[], []]
  const seconds = new Map<string, number>()
  for (const [terms, { cid, audience, command, policy, notBefore, expiration, meta }] of again) {
    const same = known.find((one) => termsOf(one) === terms)
    const rest = { ...(notBefore !== undefined && { notBefore }), ...(meta !== undefined && { meta }) }
    const next = same ?? (await delegate({ issuer: signer, audience, command, policy, expiration, ...rest }))
    made.push(next)
    if (same === undefined) fresh.push(next)
    const length = lengths.get(cid.toString())
    if (length !== undefined) seconds.set(idOf(next), length)
  }
  await noteIssued(place, name, made, { lengths: seconds })
  await recordIssued(home, fresh)
  const add = new Map(made.map((one) => [one.cid.toString(), one.bytes]))
  if (old.length > 0) await store.change({ add, remove: old.map(idOf) }, {})
  await changeConnection(folder, ({ subject }) => (former.has(subject) ? { subject: signer.did } : undefined))
  // The gateway will not take their revocation, because it does not act for the former DID any more.
  await forgetIssued(place, name, old)
  return { made: made.length, left: current.length - kept.length }
}

function idOf({ cid }: Delegation): string {
  return cid.toString()
}

/** One that has no subject of its own was for all that the owner will be given, and is not made again. */
function isCurrent({ expiration, subject, issuer }: Delegation): boolean {
  return subject === issuer && (expiration === never || expiration > systemClock.now())
}

/** What a delegation says, whoever has signed it. */
function termsOf({ audience, command, policy, notBefore, expiration }: Delegation): string {
  return JSON.stringify([audience, command, policy, notBefore ?? null, expiration === never ? null : expiration])
}
