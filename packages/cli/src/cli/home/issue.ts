// node only: reads and writes files
import { type Delegation, delegate, never, systemClock } from 'procura'
import type { DelegationStore } from 'procura/agent'
import { decodeDelegation } from 'procura/token'
import { apiCommand } from '../../gateway/serve/api/api-command.ts'
import { toolCommand } from '../../gateway/wire/tool-command.ts'
import type { Grant } from '../wrap/grants.ts'
import { dropRestored, noteIssued, renewableOf } from './issued.ts'
import { checkIssuer, ensureAgent, type WrapHome } from './wrap-home.ts'

/** The delegations of a run. */
export interface SignedGrants {
  /** Those of an earlier run that are the same. */
  readonly kept: readonly Delegation[]
  readonly made: readonly Delegation[]
  /** Those in the file of the agent for the same servers, which it loses. */
  readonly replaced: readonly Delegation[]
  /** Seconds for which they are issued. */
  readonly expiresIn: number
}

/** Signs the delegations of an agent. Nothing is stored. */
export async function signGrants(
  home: WrapHome,
  agent: string,
  grants: readonly Grant[],
  expiresIn: number,
): Promise<SignedGrants> {
  const { folder, did } = await ensureAgent(home, agent)
  const store = await home.stores(folder)
  const { signer, dids } = home.owner
  checkIssuer(home)
  const servers = new Set(grants.map(({ server }) => server))
  const earlier = (await held(store)).filter(
    (one) => dids.has(one.issuer) && one.audience === did && [...servers].some((server) => isOf(one, server)),
  )
  const kept: Delegation[] = []
  const made: Delegation[] = []
  for (const { command, policy } of grants) {
    const same = earlier.find(
      (one) =>
        one.issuer === signer.did &&
        one.command === command &&
        isSamePolicy(one.policy, policy) &&
        isFresh(one, expiresIn),
    )
    if (same !== undefined) kept.push(same)
    else made.push(await delegate({ issuer: signer, audience: did, command, policy, expiresIn }))
  }
  return { kept, made, expiresIn, replaced: earlier.filter((one) => !kept.includes(one)) }
}

/**
 * Stores signed delegations with the agent. Those of earlier runs for the same servers are replaced: one of them could
 * be broader. WRP-11
 */
export async function storeGrants(
  home: WrapHome,
  agent: string,
  { kept, made, replaced, expiresIn }: SignedGrants,
): Promise<void> {
  const store = await home.stores((await ensureAgent(home, agent)).folder)
  // One that `procura delegate` has made is not recorded yet, and the agent may have kept a copy.
  // Loaded on demand: the command shares less code with the root entry, which is full.
  const { findIssued } = await import('./find-issued.ts')
  const { chains } = await findIssued({
    ...{ owners: home.owner.dids, recorded: [], inFile: replaced, agent: undefined },
    isWanted: () => true,
  })
  // A run that was killed has noted those of the earlier runs, which this one replaces, too.
  const servers = [...kept, ...made].flatMap(({ command }) => command.split('/')[2] ?? [])
  const current = new Set([...kept, ...made].map(({ cid }) => cid.toString()))
  const { delegations } = await renewableOf(home, agent)
  const ended = delegations.filter(
    (one) => !current.has(one.cid.toString()) && servers.some((server) => isOf(one, server)),
  )
  await noteIssued(home, agent, made, {
    withdrawn: [...chains.flat(), ...ended],
    lengths: new Map(made.map((one) => [one.cid.toString(), expiresIn])),
  })
  await dropRestored(home, agent, (one) => servers.some((server) => isOf(one, server)))
  const { recordIssued } = await import('./home-ledger.ts')
  await recordIssued(home.path, made)
  if (made.length > 0 || replaced.length > 0)
    await store.change(
      {
        add: new Map(made.map((one) => [one.cid.toString(), one.bytes])),
        remove: replaced.map(({ cid }) => cid.toString()),
      },
      {},
    )
}

/** The delegations that an agent holds. */
export async function held(store: DelegationStore): Promise<readonly Delegation[]> {
  const tokens = await store.load({})
  return Promise.all(tokens.map((bytes) => decodeDelegation(bytes)))
}

/** Whether a delegation is for a server or one of its tools, or for an API. No server has the name of an API. */
export function isOf({ command }: Delegation, name: string): boolean {
  return [toolCommand(name), apiCommand(name)].some((whole) => command === whole || command.startsWith(`${whole}/`))
}

function isSamePolicy(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

/** A run that was killed has made the delegation just before. An older one would end earlier than the user asks. */
function isFresh({ expiration }: Delegation, expiresIn: number): boolean {
  return (
    expiration !== never &&
    expiration >= systemClock.now() + expiresIn * 0.9 &&
    expiration <= systemClock.now() + expiresIn
  )
}
