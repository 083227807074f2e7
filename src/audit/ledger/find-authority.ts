import { verifyDelegation } from '../../core/authorization/verify-delegation.ts'
import type { Command } from '../../core/capability/command.ts'
import type { Policy } from '../../core/capability/policy/statement.ts'
import { anySubject } from '../../core/capability/subject.ts'
import { decodeDelegation } from '../../core/delegation/decode-delegation.ts'
import type { Delegation } from '../../core/delegation/delegation.ts'
import type { Did } from '../../core/did/did.ts'
import { didOption } from '../../core/did/did-option.ts'
import type { DidResolver } from '../../core/did/resolver.ts'
import { cidText } from '../../core/ipld/cid-text.ts'
import type { RevocationRecord, RevocationStore } from '../../core/revocation/revocation-store.ts'
import { MalformedError } from '../../errors.ts'
import {
  callback,
  didString,
  integerFrom,
  maybe,
  type OptionCheck,
  readOptions,
  withDefault,
  withMethod,
} from '../../support/options.ts'
import type { Never, Timestamp } from '../../time.ts'
import type { AuditEvent } from '../events/event.ts'
import type { DelegationArchive } from './delegation-archive.ts'

/** Options of {@link findAuthority}. */
export interface FindAuthorityOptions {
  /** The records of one or more logs, in any order: those of `readJsonlRecords`, for example. */
  readonly records: AsyncIterable<{ readonly event: AuditEvent }> | Iterable<{ readonly event: AuditEvent }>
  /** Has the delegations that the records name. */
  readonly archive: Pick<DelegationArchive, 'get'>
  /** The DID of the agent. */
  readonly agent: string
  /** The moment. */
  readonly at: Timestamp
  /** Resolves DIDs to keys. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Most chains that are examined. Default 1,000. */
  readonly maxChains?: number
}

/** Authority that an agent had. */
export interface FoundAuthority {
  /** CID of the delegation to the agent. */
  readonly delegation: string
  readonly subject: Did
  /** The command, with all commands below it. */
  readonly command: Command
  /** The statements of all delegations of the chain. */
  readonly policy: Policy
  readonly notBefore?: Timestamp
  readonly expiration: Timestamp | Never
  /** CIDs, root first, the delegation last. */
  readonly chain: readonly string[]
  /**
   * When each log named all delegations of the chain. If it is after the moment in question, the chain may be younger.
   */
  readonly recorded: Timestamp
}

/** The answer of {@link findAuthority}. */
export interface AuthorityReport {
  readonly authority: readonly FoundAuthority[]
  /** CIDs that the log names and the archive lacks. Authority that depends on them is not in the answer. */
  readonly missing: readonly string[]
  /**
   * CIDs of delegations to the agent with a chain that could not be verified, because a DID in it was not resolved.
   * Their authority is not in the answer.
   */
  readonly unresolved: readonly string[]
  /** Whether chains were left out, because there are more than `maxChains`. */
  readonly isCut: boolean
}

/**
 * Finds the authority of an agent at a moment: each recorded chain to it that verified then and was not revoked then.
 * It applies the rules of `verifyDelegation`, with that moment as the time and without tolerance. LDG-02
 *
 * A delegation that was never recorded is not in the answer. Authority over itself, which every principal has, is not
 * either.
 *
 * @throws ArgumentError when an option is missing or invalid. Rejects when the records or the archive cannot be read.
 */
export async function findAuthority(options: FindAuthorityOptions): Promise<AuthorityReport> {
  const { records, archive, agent, at, resolver, maxChains } = readOptions('findAuthority', options, {
    records: iterable,
    archive: withMethod('get'),
    agent: didString,
    at: integerFrom(Number.MIN_SAFE_INTEGER),
    resolver: maybe(withMethod('resolve')),
    maxChains: withDefault(integerFrom(1), 1_000),
  })
  const holder = didOption('agent', agent)
  const { first, made, revocations } = await readEvents(records, at)
  const named = [...first.keys()].filter((cid) => !(made.has(cid) && (first.get(cid) ?? at) > at))
  const { found, missing } = await readArchive(named, archive)
  const { chains, isCut } = chainsTo(holder, found, maxChains)
  const authority: FoundAuthority[] = []
  const unresolved = new Set<string>()
  for (const chain of chains) {
    const verdict = await verifyDelegation(chain, {
      clock: { now: () => at },
      clockTolerance: 0,
      audience: holder,
      revocations,
      ...(resolver !== undefined && { resolver }),
    })
    const cids = chain.map(({ cid }) => cidText(cid))
    if (!verdict.verified) {
      if (verdict.denial.code === 'key_unresolved') unresolved.add(cids.at(-1) ?? '')
      continue
    }
    const { subject, command, policy, notBefore, expiration } = verdict
    authority.push(
      Object.freeze({
        ...{ delegation: cids.at(-1) ?? '', subject, command, policy, expiration, chain: Object.freeze(cids) },
        ...(notBefore !== undefined && { notBefore }),
        recorded: Math.max(...cids.map((cid) => first.get(cid) ?? at)),
      }),
    )
  }
  return Object.freeze({
    authority: Object.freeze(authority),
    missing: Object.freeze(missing),
    unresolved: Object.freeze([...unresolved]),
    isCut,
  })
}

/** When each delegation was recorded first, and the revocations up to a moment. */
interface Events {
  readonly first: ReadonlyMap<string, Timestamp>
  /** Delegations whose creation is on record, so they did not exist before. */
  readonly made: ReadonlySet<string>
  readonly revocations: RevocationStore
}

async function readEvents(records: FindAuthorityOptions['records'], at: Timestamp): Promise<Events> {
  const first = new Map<string, Timestamp>()
  const made = new Set<string>()
  const revoked = new Map<string, RevocationRecord[]>()
  for await (const { event } of records) {
    if (event.kind === 'issued' || event.kind === 'seen') {
      // A delegation that was made elsewhere is recorded when it is used first, which may be after the moment.
      if (event.kind === 'issued') made.add(event.delegation)
      first.set(event.delegation, Math.min(event.time, first.get(event.delegation) ?? event.time))
    } else if (event.kind === 'revoked' && event.time <= at) {
      const { revoked: id, issuer } = event
      const list = revoked.get(id) ?? []
      list.push(issuer === undefined ? { id } : { id, revoker: issuer as Did })
      revoked.set(id, list)
    }
  }
  return { first, made, revocations: { findRevocations: (ids) => ids.flatMap((id) => revoked.get(id) ?? []) } }
}

async function readArchive(
  cids: Iterable<string>,
  archive: Pick<DelegationArchive, 'get'>,
): Promise<{ readonly found: readonly Delegation[]; readonly missing: readonly string[] }> {
  const found: Delegation[] = []
  const missing: string[] = []
  for (const cid of cids) {
    const bytes = await archive.get(cid)
    const delegation = bytes === undefined ? undefined : await decodeDelegation(bytes).catch(malformed)
    // LDG-03: the name in the log is the hash of the bytes.
    if (delegation !== undefined && cidText(delegation.cid) === cid) found.push(delegation)
    else missing.push(cid)
  }
  return { found, missing }
}

/** The chains, root first, that lead to a principal. Whether they verify is not considered. */
function chainsTo(
  holder: Did,
  delegations: readonly Delegation[],
  most: number,
): { readonly chains: readonly (readonly Delegation[])[]; readonly isCut: boolean } {
  const to = new Map<string, Delegation[]>()
  for (const one of delegations) to.set(one.audience, [...(to.get(one.audience) ?? []), one])
  const chains: (readonly Delegation[])[] = []
  let tails: readonly (readonly Delegation[])[] = (to.get(holder) ?? []).map((one) => [one])
  let steps = 0
  while (tails.length > 0) {
    const longer: (readonly Delegation[])[] = []
    for (const tail of tails) {
      if (++steps > most) return { chains, isCut: true }
      const [head] = tail as [Delegation]
      if (head.issuer === head.subject) chains.push(tail)
      if (tail.length >= longestChain) continue
      for (const before of to.get(head.issuer) ?? [])
        if (fits(before, head) && !tail.includes(before)) longer.push([before, ...tail])
    }
    tails = longer
  }
  return { chains, isCut: false }
}

function fits(before: Delegation, next: Delegation): boolean {
  return before.subject === anySubject || next.subject === anySubject || before.subject === next.subject
}

/** The longest chain that a call can use by default. */
const longestChain = 16

function malformed(error: unknown): undefined {
  if (!(error instanceof MalformedError)) throw error
}

const iterable: OptionCheck = (value) => {
  const { [Symbol.asyncIterator]: slow, [Symbol.iterator]: quick } = Object(value) as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >
  return callback(slow) === undefined || callback(quick) === undefined ? undefined : 'must be an iterable of records'
}
