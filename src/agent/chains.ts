import type { Command } from '../capability/command.ts'
import { anySubject } from '../capability/subject.ts'
import type { Delegation } from '../delegation/delegation.ts'
import type { Did } from '../did/did.ts'
import { never, type Timestamp } from '../time.ts'
import { isWithin } from './command-path.ts'
import type { Delegations } from './holdings.ts'

/** A chain from a subject to the agent. */
export interface HeldChain {
  readonly subject: Did
  /** Root first; the delegation to the agent last. */
  readonly proofs: readonly Delegation[]
}

/** Most delegations of a chain: a service accepts no more by default. */
const maxLength = 16
/** Most chains that are made, so that a full store costs a bounded search. */
const maxChains = 256

/**
 * Makes a chain for each delegation to the agent and each of its subjects: the shortest one whose delegations are valid
 * at a time. Policies are ignored.
 *
 * @param now - undefined to ignore the time.
 */
export function chainsTo(
  did: Did,
  held: Delegations,
  subject: Did | undefined,
  now: Timestamp | undefined,
): HeldChain[] {
  const chains: HeldChain[] = []
  for (const last of held.delegationsTo(did)) {
    if (!isValid(last, now)) continue
    const subjects = last.subject === anySubject ? held.subjects() : [last.subject]
    for (const one of subjects) {
      if (subject !== undefined && one !== subject) continue
      const proofs = chainBefore(last, one, held, now)
      if (proofs !== undefined) chains.push({ subject: one, proofs })
      if (chains.length >= maxChains) return chains
    }
  }
  return chains
}

/** Searches backwards from a delegation to its subject. Each delegation is examined once. */
function chainBefore(
  last: Delegation,
  subject: Did,
  held: Delegations,
  now: Timestamp | undefined,
): readonly Delegation[] | undefined {
  const seen = new Set<Delegation>([last])
  let tails: readonly (readonly Delegation[])[] = [[last]]
  for (let length = 1; length <= maxLength && tails.length > 0; length++) {
    const complete = tails.find(([first]) => first?.issuer === subject && first.subject === subject)
    if (complete !== undefined) return complete
    tails = tails.flatMap((tail) => {
      const next = tail[0] as Delegation
      const before = held.delegationsTo(next.issuer).filter((one) => !seen.has(one) && serves(one, next, subject, now))
      for (const one of before) seen.add(one)
      return before.map((one) => [one, ...tail])
    })
  }
  return undefined
}

function serves(one: Delegation, next: Delegation, subject: Did, now: Timestamp | undefined): boolean {
  const isAbout = one.subject === anySubject || one.subject === subject
  return isAbout && isWithin(next.command, one.command) && isValid(one, now)
}

function isValid({ notBefore, expiration }: Delegation, now: Timestamp | undefined): boolean {
  if (now === undefined) return true
  return (notBefore === undefined || notBefore <= now) && (expiration === never || expiration >= now)
}

/** Whether every delegation of a chain covers a command. */
export function covers({ proofs }: HeldChain, command: Command): boolean {
  return proofs.every((proof) => isWithin(command, proof.command))
}

/** The last second in which all delegations of a chain are valid. */
export function expirationOf(proofs: readonly Delegation[]): Timestamp | typeof never {
  return proofs.reduce<Timestamp | typeof never>(
    (least, { expiration }) => (least === never || (expiration !== never && expiration < least) ? expiration : least),
    never,
  )
}
