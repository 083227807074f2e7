import type { Ledger } from '../audit/ledger/create-ledger.ts'
import type { Authorization } from '../core/authorization/authorization.ts'
import type { Authorizer } from '../core/authorization/authorize.ts'
import { cidText } from '../core/ipld/cid-text.ts'
import { AuditError } from '../errors.ts'

/** GRD-20: records the chain of an allowed call as it was decided, and nothing else that is in the container. */
export async function recordChain(
  ledger: Pick<Ledger, 'used'>,
  authorizer: Authorizer,
  container: string | Uint8Array,
  { proofs }: Authorization,
): Promise<void> {
  const { delegations } = await authorizer.open(container)
  const byCid = new Map(delegations.map((one) => [cidText(one.cid), one]))
  const chain = proofs.flatMap((cid) => byCid.get(cidText(cid)) ?? [])
  if (chain.length < proofs.length)
    throw new AuditError(
      'ERR_AUDIT_UNCONFIRMED',
      'the ledger records delegations of UCAN 1.0.0 alone, and this call has others; leave out `ledger`, or `formats`',
    )
  await ledger.used(chain)
}
