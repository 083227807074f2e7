// node only: works with parts that use files
import type { Delegation } from 'procura'
import { verifyDelegation } from 'procura/authorization'
import { covers } from '../../gateway/agent-side/ending-soon.ts'
import { allOf } from './issued.ts'

/** A delegation and the chain that leads to it: root first, itself last. Its first issuer can revoke it. */
export type IssuedChain = readonly [Delegation, ...Delegation[]]

/** The delegation that a chain leads to. */
export function lastOf(chain: IssuedChain): Delegation {
  return chain.at(-1) as Delegation
}

/** The question of {@link findIssued}. */
export interface IssuedQuestion {
  /** The DIDs of the owner: of the present key, and of the earlier ones. */
  readonly owners: ReadonlySet<string>
  /** Delegations of the owner that are recorded for the agent. */
  readonly recorded: readonly Delegation[]
  /** Those in the file of the agent. */
  readonly inFile: readonly Delegation[]
  /** The DIDs of the agent. Undefined: every delegation of the owner counts, whatever its audience is. */
  readonly agent: ReadonlySet<string> | undefined
  isWanted(delegation: Delegation): boolean
}

/** The authority of an agent that its owner can revoke. */
export interface FoundIssued {
  /** The delegations to the agent, the recorded ones first. */
  readonly chains: readonly IssuedChain[]
  /** Delegations of the owner to other principals, in the file of the agent. */
  readonly others: readonly Delegation[]
  /** The number of delegations in the file that only claim the owner as their issuer. */
  readonly forged: number
  /** The number of delegations to the agent that no chain of the file leads to from the owner. */
  readonly foreign: number
}

/**
 * Finds the delegations that give authority of an owner to an agent: those of the owner to the agent, and those of
 * others to the agent that are built on one of the owner. A delegation to another principal gives the agent nothing,
 * and others may depend on it. The agent can fill its file with tokens, so each that is not recorded is verified.
 * WRP-33
 */
export async function findIssued(question: IssuedQuestion): Promise<FoundIssued> {
  const { owners, recorded, inFile, agent, isWanted } = question
  const known = new Set(recorded.map(({ cid }) => cid.toString()))
  const own = allOf(recorded, inFile).filter(({ issuer }) => owners.has(issuer))
  const signed: Delegation[] = []
  for (const one of own) if (known.has(one.cid.toString()) || (await isVerified([one]))) signed.push(one)
  const wanted = signed.filter((one) => isWanted(one))
  const isTo = ({ audience }: Delegation): boolean => agent === undefined || agent.has(audience)
  const received =
    agent === undefined
      ? []
      : inFile.filter((one) => isTo(one) && !owners.has(one.issuer) && !agent.has(one.issuer) && isWanted(one))
  const built = received.length === 0 ? [] : await chainsTo(received, signed, inFile)
  return {
    chains: [...wanted.filter(isTo).map((one): IssuedChain => [one]), ...built],
    others: wanted.filter((one) => !isTo(one)),
    forged: own.filter((one) => isWanted(one)).length - wanted.length,
    foreign: received.length - built.length,
  }
}

/**
 * Grows chains from verified roots, so that a forged proof cannot hide a genuine one. A chain ends at the agent: all
 * that the agent has passed on depends on it.
 */
async function chainsTo(
  targets: readonly Delegation[],
  roots: readonly Delegation[],
  inFile: readonly Delegation[],
): Promise<readonly IssuedChain[]> {
  const ends = new Set(targets.map(({ audience }) => audience))
  const chains: IssuedChain[] = roots.map((one) => [one])
  const open = new Map(inFile.map((one) => [one.cid.toString(), one] as const))
  for (const one of roots) open.delete(one.cid.toString())
  const found: IssuedChain[] = []
  const tried = new Map<Delegation, number>()
  // Chains that are found are added behind, and are looked at later.
  for (const chain of chains) {
    const last = lastOf(chain)
    if (ends.has(last.audience)) continue
    for (const [cid, one] of open) {
      const tries = tried.get(one) ?? 0
      if (one.issuer !== last.audience || !covers(last.command, one.command) || tries === mostTries) continue
      tried.set(one, tries + 1)
      const longer: IssuedChain = [...chain, one]
      if (!(await isVerified(longer))) continue
      open.delete(cid)
      chains.push(longer)
      if (targets.includes(one)) found.push(longer)
    }
  }
  return found
}

/** Most proofs that are tried for a delegation, whose signature is perhaps forged. */
const mostTries = 16

/** Whether a chain is right at some time. One that begins later, or has ended, counts too. */
async function isVerified(chain: IssuedChain): Promise<boolean> {
  const time = Math.max(...chain.map(({ notBefore = 0 }) => notBefore))
  return (await verifyDelegation(chain, { clock: { now: () => time } })).verified
}
