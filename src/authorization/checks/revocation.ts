import type { Did } from '../../did/did.ts'
import type { RevocationRecord } from '../../revocation/revocation-store.ts'
import { isPromiseLike } from '../../support/promise.ts'
import type { Chain, ChainLink } from '../chain.ts'
import { type Steps, waitUnlessAborted } from '../machinery/steps.ts'
import type { Refusal } from '../refusal.ts'
import type { CallOptions, Settings } from '../settings.ts'

/**
 * No delegation of the chain is revoked, under any CID it can have, no principal, and no session that replaces a signature.
 * If this cannot be found out, the call is refused.
 */
export function* checkRevocation(
  chain: Chain,
  settings: Pick<Settings, 'revocations' | 'onError'>,
  call: CallOptions,
): Steps<Refusal | undefined> {
  const names = namesOf(chain)
  let records: readonly RevocationRecord[]
  try {
    const found = settings.revocations.findRevocations(names.ids, call)
    records = isPromiseLike(found) ? yield* waitUnlessAborted(found, call) : found
    if (!Array.isArray(records) || ![...records].every(isRecord)) {
      throw new TypeError('a revocation store must return a list of `{ id, revoker? }`')
    }
  } catch (error) {
    settings.onError(error)
    return unknown
  }
  for (const { id, revoker } of records) {
    // The last of its positions has the most issuers before it, each of whom may have revoked it.
    const at = names.positions[names.ids.lastIndexOf(id)]
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

/** The ids that can be revoked, each with its position in the chain. */
export interface Names {
  readonly ids: readonly string[]
  readonly positions: readonly number[]
}

/** The names of a chain that can be revoked. */
export function namesOf({ links, invocation }: Chain): Names {
  const ids: string[] = []
  const positions: number[] = []
  const add = (id: string, at: number): void => {
    ids.push(id)
    positions.push(at)
  }
  for (let at = 0; at < links.length; at++) {
    const { link } = links[at] as ChainLink
    add(link.name, at)
    // RVK-04
    if (link.twin !== undefined) add(link.twin, at)
    add(link.issuer, at)
  }
  add(invocation.fields.issuer, links.length)
  return { ids, positions }
}

/** A revoker such as `null` is neither a principal nor the operator, so its meaning is unknown. */
function isRecord(record: unknown): record is RevocationRecord {
  if (typeof record !== 'object' || record === null) return false
  const { id, revoker } = record as { readonly id?: unknown; readonly revoker?: unknown }
  return typeof id === 'string' && (revoker === undefined || typeof revoker === 'string')
}

/**
 * RVK-03: the issuer of the delegation, or of an earlier one in this chain, may revoke it. This is checked for the chain in
 * use, because the path of a revocation can bypass its principals. The operator may revoke anything.
 */
function mayRevoke(revoker: Did | undefined, id: string, at: number, chain: Chain): boolean {
  if (revoker === undefined || id.startsWith('did:')) return true
  return chain.links.slice(0, at + 1).some(({ link }) => link.issuer === revoker)
}
