// node only: reads and writes files

import { join } from 'node:path'
import { type Delegation, delegate } from 'procura'
import type { DelegationStore } from 'procura/agent'
import type { AgentStores } from './agent-stores.ts'
import { lastOf } from './find-issued.ts'
import { exists } from './home-files.ts'
import { recordIssued } from './home-ledger.ts'
import { beginExchange, type Exchange, endExchange, type IssuedPlace, openExchange, recordedAgents } from './issued.ts'
import { type Revoked, revokeAll } from './revoke-issued.ts'
import { checkIssuer, type Owner, type WrapHome } from './wrap-home.ts'

/** What a delegation of the owner says. A delegation is one, too. */
export type Terms = Pick<Delegation, 'audience' | 'command' | 'policy' | 'expiration'> &
  Partial<Pick<Delegation, 'notBefore'>> & {
    /** The seconds for which it is issued, for its renewal. Default: as long as a former one. */
    readonly seconds?: number
  }

/** The outcome of an exchange of delegations. */
export interface Replaced extends Revoked {
  readonly made: readonly Delegation[]
  /** Former ones whose revocation no gateway has taken, or takes at its start. A copy of them is still valid. */
  readonly left: readonly Delegation[]
}

/** The home folder of an owner, in which exchanges are carried out. */
export interface ExchangeHome extends IssuedPlace {
  readonly path: string
  readonly owner: Owner
  readonly stores: AgentStores
}

/**
 * Gives an agent delegations in the place of others: the new ones are signed, the file of the agent has them instead of
 * the former ones from one moment to the next, and the former ones are revoked. The record in the vault comes first, so
 * that {@link finishExchanges} finishes the work of a process that was killed. WRP-50
 *
 * @param ended - delegations of the owner that are on record, or in the file of the agent and verified. Without any,
 *   the agent only gets more.
 * @param next - the terms of those in their place. One with a later end is a renewal.
 * @throws UsageError when the owner does not act with its present key, or the file of the agent cannot be opened;
 *   nothing is written then.
 */
export async function replaceDelegations(
  home: WrapHome,
  agent: string,
  ended: readonly Delegation[],
  next: readonly Terms[],
): Promise<Replaced> {
  checkIssuer(home)
  const store = await home.stores(join(home.path, 'agents', agent))
  const { signer: issuer } = home.owner
  const made: Delegation[] = []
  const lengths = new Map<string, number>()
  for (const { audience, command, policy, expiration, notBefore, seconds } of next) {
    const rest = notBefore === undefined ? {} : { notBefore }
    const one = await delegate({ issuer, audience, command, policy, expiration, ...rest })
    made.push(one)
    if (seconds !== undefined) lengths.set(one.cid.toString(), seconds)
  }
  await beginExchange(home, agent, { ended, made }, lengths)
  return carryOut(home, agent, async () => store, { ended, made })
}

/**
 * Finishes the exchanges that a process has begun before it was killed. Each verb that opens the home folder of an
 * owner does it first. An exchange whose file cannot be opened stays.
 *
 * @returns lines for people.
 */
export async function finishExchanges(home: ExchangeHome): Promise<readonly string[]> {
  const messages: string[] = []
  for (const agent of recordedAgents(home)) {
    const exchange = await openExchange(home, agent)
    if (exchange === undefined) continue
    const about = `the change of the delegations of the agent ${agent}, which was interrupted,`
    try {
      const folder = join(home.path, 'agents', agent)
      const open = async (): Promise<DelegationStore | undefined> =>
        (await exists(folder)) ? home.stores(folder) : undefined
      const { messages: said } = await carryOut(home, agent, open, exchange)
      messages.push(`${about} is finished now`, ...said)
    } catch (error) {
      messages.push(`${about} is not finished: ${(error as Error).message}`)
    }
  }
  return messages
}

/**
 * Each step can be repeated. Where the file of the agent cannot be changed, the former delegations are revoked all the
 * same, and the exchange stays open: the agent could damage its file to keep them.
 */
async function carryOut(
  home: ExchangeHome,
  agent: string,
  open: () => Promise<DelegationStore | undefined>,
  { ended, made }: Exchange,
): Promise<Replaced> {
  await recordIssued(home.path, made)
  const add = new Map(made.map((one) => [one.cid.toString(), one.bytes]))
  const change = async (): Promise<void> =>
    (await open())?.change({ add, remove: ended.map(({ cid }) => cid.toString()) }, {})
  const fault = await change().then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  const chains = ended.map((one) => [one] as const)
  const revoked = await revokeAll(home.path, home.owner, chains)
  if (fault !== undefined) throw fault.error
  await endExchange(home, agent, revoked.taken)
  return { ...revoked, made, left: chains.map(lastOf).filter((one) => !revoked.done.includes(one)) }
}
