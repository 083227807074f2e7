import { openContainer } from '../../core/authorization/open-container.ts'
import { verifyDelegation } from '../../core/authorization/verify-delegation.ts'
import { anySubject } from '../../core/capability/subject.ts'
import type { Delegation } from '../../core/delegation/delegation.ts'
import type { DidResolver } from '../../core/did/resolver.ts'
import { cidText } from '../../core/ipld/cid-text.ts'
import { encodeCbor } from '../../core/ipld/encode.ts'
import { encodeHex } from '../../core/ipld/hex.ts'
import type { IpldValue } from '../../core/ipld/value.ts'
import { readRevocationEntry } from '../../core/revocation/revocation-entry.ts'
import type { RevocationEntry } from '../../core/revocation/revocation-store.ts'
import { ArgumentError } from '../../errors.ts'
import { createBoundedMap } from '../../support/bounded-map.ts'
import { sha256Bytes } from '../../support/digest.ts'
import { integerFrom, maybe, readOptions, withDefault, withMethod } from '../../support/options.ts'
import { ownBytes } from '../../support/own-bytes.ts'
import { type Clock, secondsOf, systemClock } from '../../time.ts'
import { appendTo } from '../combine/append-to.ts'
import { type IssuedEvent, newEventId, type SeenEvent } from '../events/event.ts'
import type { AuditSink } from '../sink.ts'
import type { DelegationArchive } from './delegation-archive.ts'

/** Options of {@link createLedger}. */
export interface LedgerOptions {
  /** Receives the events. */
  readonly sink: AuditSink
  /** Receives the delegations. */
  readonly archive: DelegationArchive
  /** Resolves DIDs to keys, for `seen`: a chain that it cannot verify is not recorded. Default: `did:key` only. */
  readonly resolver?: DidResolver
  /** Default: the system clock. */
  readonly clock?: Clock
  /** Delegations that are known to be recorded, so that a repeated one costs nothing. Default 10,000. */
  readonly maxKnown?: number
}

/** Records which delegations were made, seen and revoked, for `findAuthority`. */
export interface Ledger {
  /**
   * Records a delegation that was made here, with the chain it was made from.
   *
   * @param chain - root first, the new delegation last.
   */
  issued(chain: readonly Delegation[]): Promise<void>
  /**
   * Records the delegations of an allowed call, or of another verified chain, that are not recorded yet. They are not
   * verified again.
   *
   * @param chain - as decided, root first; empty if the subject itself calls.
   */
  used(chain: readonly Delegation[]): Promise<void>
  /**
   * Records the delegations of a container that are not recorded yet: the chains of its calls, or the one chain that it
   * is. Only chains that verify now are recorded, because anybody can put delegations into a container.
   *
   * @returns the CIDs that were recorded.
   */
  seen(container: string | Uint8Array): Promise<readonly string[]>
  /** Records a revocation: the entry that `verifyRevocation` returned, or one of the operator. */
  revoked(entry: RevocationEntry): Promise<void>
}

/**
 * Makes a ledger: it keeps each delegation in an archive, and its events in a log. The archive has the delegation
 * before the log names it. LDG-01
 *
 * @throws ArgumentError when an option is missing or invalid. Its methods reject with AuditError when the log or the
 *   archive does not confirm.
 *
 * @example
 * ```ts
 * import { openJsonlAuditSink } from 'procura/audit/jsonl'
 * import { createLedger, fileArchive } from 'procura/audit/ledger'
 *
 * const sink = await openJsonlAuditSink({ directory: 'ledger' })
 * const ledger = createLedger({ sink, archive: fileArchive({ directory: 'ledger/delegations' }) })
 * await ledger.issued([grant])
 * ```
 */
export function createLedger(options: LedgerOptions): Ledger {
  const { sink, archive, resolver, clock, maxKnown } = readOptions('createLedger', options, {
    sink: withMethod('append'),
    archive: withMethod('put'),
    resolver: maybe(withMethod('resolve')),
    clock: withDefault(withMethod('now'), systemClock),
    maxKnown: withDefault(integerFrom(2), 10_000),
  })
  const known = createBoundedMap<true>(maxKnown)

  async function record(kind: 'issued' | 'seen', chain: readonly Delegation[]): Promise<readonly string[]> {
    const recorded: string[] = []
    for (const [at, delegation] of chain.entries()) {
      const cid = cidText(delegation.cid)
      const isIssued = kind === 'issued' && at === chain.length - 1
      if (known.get(cid) !== undefined && !isIssued) continue
      // A log that names a delegation which the archive lacks would answer later questions wrongly.
      await archive.put(cid, delegation.bytes)
      const event = await eventOf(isIssued ? 'issued' : 'seen', delegation, chain.slice(0, at), secondsOf(clock))
      await appendTo(sink, event, {})
      known.set(cid, true)
      recorded.push(cid)
    }
    return recorded
  }

  return Object.freeze({
    issued: async (chain) => {
      if (!Array.isArray(chain) || chain.length === 0)
        throw new ArgumentError('`chain` must be a non-empty list of delegations, root first')
      await record('issued', chain)
    },
    used: async (chain) => {
      await record('seen', chain)
    },
    seen: async (given) => {
      const container = ownBytes(given)
      const { invocations, delegations } = await openContainer(container)
      const byCid = new Map(delegations.map((one) => [cidText(one.cid), one]))
      const chains =
        invocations.length === 0
          ? [container]
          : invocations.map(({ proofs }) =>
              proofs.map((cid) => byCid.get(cidText(cid))).filter((one) => one !== undefined),
            )
      const recorded: string[] = []
      for (const chain of chains) {
        // Also an empty chain: the subject itself calls.
        if (Array.isArray(chain) && chain.every(({ cid }) => known.get(cidText(cid)) !== undefined)) continue
        const verdict = await verifyDelegation(chain, { clock, ...(resolver !== undefined && { resolver }) })
        if (verdict.verified) recorded.push(...(await record('seen', verdict.proofs)))
      }
      return recorded
    },
    revoked: async (entry) => {
      // One spelling of each name, by which `findAuthority` looks for it.
      const { ids, revoker: issuer } = readRevocationEntry(entry)
      for (const revoked of ids) {
        const event = { kind: 'revoked', id: newEventId(), time: secondsOf(clock), revoked } as const
        await appendTo(sink, issuer === undefined ? event : { ...event, issuer }, {})
      }
    },
  } satisfies Ledger)
}

async function eventOf(
  kind: 'issued' | 'seen',
  delegation: Delegation,
  proofs: readonly Delegation[],
  time: number,
): Promise<IssuedEvent | SeenEvent> {
  const { cid, issuer, audience, subject, command, policy, notBefore, expiration } = delegation
  return {
    kind,
    id: newEventId(),
    time,
    delegation: cidText(cid),
    issuer,
    audience,
    ...(subject !== anySubject && { subject }),
    command,
    ...(proofs.length > 0 && { chain: proofs.map((proof) => cidText(proof.cid)) }),
    policyHash: encodeHex(await sha256Bytes(encodeCbor(policy as unknown as IpldValue, 'policy'))),
    ...(notBefore !== undefined && { notBefore }),
    expiration,
  }
}
