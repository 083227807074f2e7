import type { Did } from '../../did/did.ts'
import type { RevocationRecord } from '../../revocation/revocation-store.ts'
import type { Chain } from '../chain.ts'
import type { Denial } from '../denial.ts'
import type { CallOptions, Settings } from '../options.ts'
import { type Steps, wait } from '../steps.ts'

/**
 * No delegation of the chain is revoked, under any CID it can have, and none of its principals. Not being able to find
 * out is a no.
 */
export function* checkRevocation(chain: Chain, settings: Settings, call: CallOptions): Steps<Denial | undefined> {
  const positions = positionsOf(chain)
  let records: readonly RevocationRecord[]
  try {
    records = yield* wait(settings.revocations.findRevocations([...positions.keys()], call))
    if (!Array.isArray(records)) throw new TypeError('a revocation store must return a list')
  } catch (error) {
    settings.onError(error)
    return { code: 'revocation_unknown', message: 'the revocation store did not answer', requirement: 'RVK-06' }
  }
  for (const { id, revoker } of records) {
    const at = positions.get(id)
    if (at === undefined || !mayRevoke(revoker, id, at, chain)) continue
    return {
      code: 'revoked',
      message: `${id} is revoked`,
      at,
      requirement: 'RVK-05',
      detail: { kind: 'revocation', revoked: id },
    }
  }
  return undefined
}

/** Everything that can be revoked, and where in the chain it stands. */
function positionsOf(chain: Chain): ReadonlyMap<string, number> {
  const { links, invocation } = chain
  const positions = new Map<string, number>()
  for (const [at, { link }] of links.entries()) {
    const cid = invocation.fields.proofs[at]
    if (cid !== undefined) positions.set(cid.toString(), at)
    // RVK-04
    if (link.twin !== undefined) positions.set(link.twin, at)
    if (!positions.has(link.issuer)) positions.set(link.issuer, at)
  }
  const { issuer } = invocation.fields
  if (!positions.has(issuer)) positions.set(issuer, links.length)
  return positions
}

/**
 * RVK-03: whoever issued the delegation or one before it in this chain may revoke it. That is asked here, of the chain
 * in hand, as a path that a revoker shows can lead past others. The operator may revoke anything.
 */
function mayRevoke(revoker: Did | undefined, id: string, at: number, chain: Chain): boolean {
  if (revoker === undefined || id.startsWith('did:')) return true
  return chain.links.slice(0, at + 1).some(({ link }) => link.issuer === revoker)
}
