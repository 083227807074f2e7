import type { Command } from '../core/capability/command.ts'
import { anySubject } from '../core/capability/subject.ts'
import type { Delegation } from '../core/delegation/delegation.ts'
import type { Did } from '../core/did/did.ts'
import { ProofSearchError } from '../errors.ts'
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
/** Most delegations that a search examines, so that its time is bounded. */
const maxSteps = 1_000_000

/** The delegations that a search has examined. */
interface Search {
  steps: number
}

/**
 * Makes a chain for each delegation to the agent and each of its subjects: the shortest one whose delegations are valid
 * at a time. Policies are ignored. AGT-40: the list is whole.
 *
 * @param now - undefined to ignore the time.
 * @throws ProofSearchError when more delegations would have to be examined than are allowed.
 */
export function chainsTo(
  did: Did,
  held: Delegations,
  subject: Did | undefined,
  now: Timestamp | undefined,
): HeldChain[] {
  const chains: HeldChain[] = []
  const search: Search = { steps: 0 }
  for (const last of held.delegationsTo(did)) {
    if (!isValid(last, now)) continue
    const subjects = last.subject === anySubject ? held.subjects() : [last.subject]
    for (const one of subjects) {
      if (subject !== undefined && one !== subject) continue
      const proofs = chainBefore(last, one, held, now, search)
      if (proofs !== undefined) chains.push({ subject: one, proofs })
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
  search: Search,
): readonly Delegation[] | undefined {
  countSteps(search, 1)
  const seen = new Set<Delegation>([last])
  let tails: readonly (readonly Delegation[])[] = [[last]]
  for (let length = 1; length <= maxLength && tails.length > 0; length++) {
    const complete = tails.find(([first]) => first?.issuer === subject && first.subject === subject)
    if (complete !== undefined) return complete
    tails = tails.flatMap((tail) => {
      const next = tail[0] as Delegation
      const known = held.delegationsTo(next.issuer)
      countSteps(search, known.length)
      const before = known.filter((one) => !seen.has(one) && serves(one, next, subject, now))
      for (const one of before) seen.add(one)
      return before.map((one) => [one, ...tail])
    })
  }
  return undefined
}

function countSteps(search: Search, more: number): void {
  search.steps += more
  if (search.steps > maxSteps)
    throw new ProofSearchError(
      `the chains of this agent are too many: more than ${maxSteps} delegations would be examined; remove some with \`forget\``,
    )
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
