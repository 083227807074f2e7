import { anySubject, type Delegation } from 'procura'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/** The longest chain that is followed. A container has at most that many tokens. */
export const longestChain = 64

/**
 * CLI-07: Chooses the delegation to a principal, and the chain that leads to it.
 *
 * @param flags - `--delegation CID` chooses among several.
 * @returns the chain, root first. It is as long as the input allows.
 * @throws UsageError when no delegation, or more than one, is possible.
 */
export function chainFor(did: string, delegations: readonly Delegation[], flags: Flags): readonly Delegation[] {
  const cid = textOf(flags, 'delegation')
  const candidates = delegations.filter(
    (one) => one.audience === did && (cid === undefined || one.cid.toString() === cid),
  )
  return chainTo(onlyOf(candidates, noneTo(did, delegations)), delegations)
}

/** Names the principals that have delegations: the key of another one was passed, or the file of another one. */
function noneTo(did: string, delegations: readonly Delegation[]): string {
  const [first, ...more] = new Set(delegations.map(({ audience }) => audience).filter((audience) => audience !== did))
  const others = more.length === 0 ? '' : ` and ${more.length} more`
  const remedy = first === undefined ? '' : `; it has one to ${first}${others}, so pass the key file of that principal`
  return `the input has no delegation to ${did}${remedy}`
}

/**
 * The chain that leads to a delegation, root first, itself last. It is as long as the delegations allow.
 *
 * @param choose - among the delegations that could come next. Default: refuses to choose.
 */
export function chainTo(
  last: Delegation,
  delegations: readonly Delegation[],
  choose: (candidates: readonly Delegation[]) => Delegation | undefined = (candidates) => onlyOf(candidates, ''),
): readonly Delegation[] {
  const chain = [last]
  for (let head = last; head.issuer !== head.subject && chain.length < longestChain; ) {
    const { issuer, subject } = head
    const before = delegations.filter(
      (one) =>
        one.audience === issuer &&
        !chain.includes(one) &&
        (one.subject === subject || one.subject === anySubject || subject === anySubject),
    )
    const next = before.length === 0 ? undefined : choose(before)
    if (next === undefined) break
    head = next
    chain.unshift(head)
  }
  return chain
}

function onlyOf(candidates: readonly Delegation[], none: string): Delegation {
  const [only, ...more] = candidates
  if (only === undefined) throw new UsageError(none)
  if (more.length === 0) return only
  const cids = candidates.map(({ cid }) => cid.toString()).join(', ')
  throw new UsageError(
    `${candidates.length} delegations are possible; choose one with --delegation, or send one chain: ${cids}`,
  )
}
