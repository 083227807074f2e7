import { isPromiseLike } from '../../../support/promise.ts'
import type { Did } from '../../did/did.ts'
import type { RevocationRecord } from '../../revocation/revocation-store.ts'
import type { Chain, ChainLink } from '../chain.ts'
import { type Steps, waitUnlessAborted } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { CallOptions, Settings } from '../settings.ts'

/**
 * No delegation of the chain is revoked, under any CID it can have, no principal, and no session that replaces a
 * signature. If this cannot be found out, the call is refused.
 */
export function* checkRevocation(
  chain: Chain,
  settings: Pick<Settings, 'revocations' | 'onError'>,
  call: CallOptions,
): Steps<Refusal | undefined> {
  let records: readonly RevocationRecord[]
  try {
    const found = settings.revocations.findRevocations(idsOf(chain), call)
    records = isPromiseLike(found) ? yield* waitUnlessAborted(found, call) : found
    if (!Array.isArray(records) || ![...records].every(isRecord)) {
      throw new TypeError('a revocation store must return a list of `{ id, revoker? }`')
    }
  } catch (error) {
    settings.onError(error)
    return unknown
  }
  for (const { id, revoker } of records) {
    const at = positionOf(id, chain)
    // A record for an id that is not in the query makes the answer unusable.
    if (at === undefined) return unknown
    if (!mayRevoke(revoker, id, at, chain)) continue
    return {
      code: 'revoked',
      at,
      requirement: 'RVK-05',
      detail: { kind: 'revocation', revoked: id },
    }
  }
  for (let at = 0; at < chain.links.length; at++) {
    const { session } = chain.links[at] as ChainLink
    const refusal = session && (yield* checkRevocation(session, settings, call))
    if (refusal) return { ...refusal, at, facts: { inner: { refusal, chain: session } } }
  }
  return undefined
}

const unknown: Refusal = {
  code: 'revocation_unknown',
  requirement: 'RVK-06',
}

/** The ids of a chain that can be revoked. */
export function idsOf({ links, invocation }: Chain): readonly string[] {
  const ids: string[] = []
  for (let at = 0; at < links.length; at++) {
    const { link } = links[at] as ChainLink
    ids.push(link.name)
    // RVK-04
    if (link.twin !== undefined) ids.push(link.twin)
    ids.push(link.issuer)
  }
  ids.push(invocation.fields.issuer)
  return ids
}

/** The last position of an id: it has the most issuers before it, each of whom may have revoked it. */
function positionOf(id: string, { links, invocation }: Chain): number | undefined {
  if (id === invocation.fields.issuer) return links.length
  const at = links.findLastIndex(({ link }) => id === link.name || id === link.twin || id === link.issuer)
  return at === -1 ? undefined : at
}

/** A revoker such as `null` is neither a principal nor the operator, so its meaning is unknown. */
function isRecord(record: unknown): record is RevocationRecord {
  if (typeof record !== 'object' || record === null) return false
  const { id, revoker } = record as { readonly id?: unknown; readonly revoker?: unknown }
  return typeof id === 'string' && (revoker === undefined || typeof revoker === 'string')
}

/**
 * RVK-03: the issuer of the delegation, or of an earlier one in this chain, may revoke it. This is checked for the
 * chain in use, because the path of a revocation can bypass its principals. The operator may revoke anything.
 */
function mayRevoke(revoker: Did | undefined, id: string, at: number, chain: Chain): boolean {
  if (revoker === undefined || id.startsWith('did:')) return true
  return chain.links.slice(0, at + 1).some(({ link }) => link.issuer === revoker)
}
