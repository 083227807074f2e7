import type { Ledger } from '../audit/ledger/create-ledger.ts'
import type { Denial } from '../core/authorization/denial.ts'
import { openContainer } from '../core/authorization/open-container.ts'
import { verifyDelegation } from '../core/authorization/verify-delegation.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { DidResolver } from '../core/did/resolver.ts'
import type { RevocationStore } from '../core/revocation/revocation-store.ts'
import { MalformedError } from '../errors.ts'
import { secondsOf } from '../support/seconds-of.ts'
import { never } from '../time.ts'
import type { AgentCapability, Reception } from './agent.ts'
import { describeChain } from './capability.ts'
import { chainsTo, type HeldChain } from './chains.ts'
import { indexDelegations } from './holdings.ts'
import type { Holder } from './permission.ts'

/** How received delegations are verified. */
export interface ReceivingOptions {
  readonly resolver?: DidResolver | undefined
  readonly revocations?: RevocationStore | undefined
  /** Records the verified chains before they are stored. */
  readonly ledger?: Pick<Ledger, 'used'> | undefined
  /** Refuses verified capabilities before they are stored. Default: all are accepted. */
  readonly refuse?: ((capabilities: readonly AgentCapability[]) => Denial | undefined) | undefined
}

/**
 * Verifies and stores the delegations of a container. AGT-06: each delegation must be for the agent, or lead to one
 * that is; each chain is verified as a whole, together with the delegations that the agent holds.
 */
export async function receive(
  container: string | Uint8Array,
  holder: Holder,
  options: ReceivingOptions,
  signal: AbortSignal | undefined,
): Promise<Reception> {
  const opened = await open(container)
  if ('code' in opened) return refuse(opened)
  const { did, held, clock } = holder
  const now = secondsOf(clock)
  const given = new Set(opened.map(({ cid }) => String(cid)))
  const isGiven = ({ cid }: Delegation): boolean => given.has(String(cid))
  const together = indexDelegations([...held.all(), ...opened])
  // A chain that has expired is verified as well, so that the denial reports the expiry.
  const chains = [...chainsTo(did, together, undefined, now), ...chainsTo(did, together, undefined, undefined)]
  const chosen = firstOfEach(chains.filter(({ proofs }) => proofs.some(isGiven)))
  const used = new Set(chosen.flatMap(({ proofs }) => proofs.map(({ cid }) => String(cid))))
  const stray = opened.find(({ cid }) => !used.has(String(cid)))
  if (stray !== undefined) return refuse(strayDenial(stray, did))
  const verifying: Parameters<typeof verifyDelegation>[1] = {
    audience: did,
    clock,
    signal,
    ...(options.resolver !== undefined && { resolver: options.resolver }),
    ...(options.revocations !== undefined && { revocations: options.revocations }),
  }
  const capabilities: AgentCapability[] = []
  const verified: (readonly Delegation[])[] = []
  for (const chain of chosen) {
    const verdict = await verifyDelegation(chain.proofs, verifying)
    if (!verdict.verified) return refuse(verdict.denial)
    capabilities.push(describeChain(chain))
    verified.push(verdict.proofs)
  }
  const unwanted = options.refuse?.(capabilities)
  if (unwanted !== undefined) return refuse(unwanted)
  for (const proofs of verified) await options.ledger?.used(proofs)
  await held.change(opened, expired([...held.all(), ...opened], now), signal)
  return Object.freeze({ accepted: true, capabilities: Object.freeze(capabilities) })
}

async function open(container: string | Uint8Array): Promise<readonly Delegation[] | Denial> {
  try {
    // A file of `procura delegate` ends with a line feed.
    const { delegations, invocations } = await openContainer(
      typeof container === 'string' ? container.trimEnd() : container,
    )
    if (invocations.length === 0 && delegations.length > 0) return delegations
    const found = delegations.length === 0 ? 'no delegation' : 'an invocation, which gives no authority'
    return {
      code: 'malformed',
      message: `the container has ${found}; pass a container of delegations alone`,
      requirement: 'AGT-06',
    }
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return { code: error.kind, message: error.message, requirement: error.requirement }
  }
}

/** One chain for each last delegation and subject: the valid ones come first. */
function firstOfEach(chains: readonly HeldChain[]): readonly HeldChain[] {
  const first = new Map<string, HeldChain>()
  for (const chain of chains) {
    const key = `${chain.subject} ${chain.proofs.at(-1)?.cid}`
    if (!first.has(key)) first.set(key, chain)
  }
  return [...first.values()]
}

function strayDenial(stray: Delegation, did: string): Denial {
  const { audience, issuer } = stray
  if (audience !== did) {
    return {
      code: 'audience_mismatch',
      message: `a delegation in the container is for ${audience}, and no chain leads from it to ${did}; ask its issuer for one with the right audience`,
      requirement: 'AGT-06',
      detail: { kind: 'principal', expected: [did], found: audience },
    }
  }
  return {
    code: 'root_not_subject',
    message: `the container has a delegation by ${issuer}, and not the chain that leads from its subject to ${issuer}; send the whole chain`,
    requirement: 'AGT-06',
  }
}

/** Seconds after its end in which a service with another clock may still accept a delegation. */
const clockSkew = 60
/** Seconds for which an expired delegation is kept for its renewal. */
const renewable = 3_600

/**
 * Delegations that have ended for every clock. One without a successor is kept for an hour, for its renewal. AGT-42
 */
function expired(all: readonly Delegation[], now: number): readonly string[] {
  const endOf = ({ expiration }: Delegation): number => (expiration === never ? Number.POSITIVE_INFINITY : expiration)
  const termsOf = ({ issuer, audience, subject, command, policy }: Delegation): string =>
    [issuer, audience, String(subject), command, JSON.stringify(policy)].join(' ')
  const valid = new Set(all.filter((one) => endOf(one) >= now).map(termsOf))
  return all
    .filter((one) => endOf(one) < now - (valid.has(termsOf(one)) ? clockSkew : renewable))
    .map(({ cid }) => String(cid))
}

function refuse(denial: Denial): Reception {
  return Object.freeze({ accepted: false, denial: Object.freeze(denial) })
}
