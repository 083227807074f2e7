import { type Clock, type Delegation, encodeContainer, type Invocation, invoke, type Signer } from 'procura'
import { callBounds } from '../../wire/call-bounds.ts'

/** A refused call as a new invocation, with its chain and the approvals beside it. */
export async function approvedContainer(
  { subject, audience, command, args }: Invocation,
  chain: readonly Delegation[],
  approvals: readonly (readonly Delegation[])[],
  { signer, clock }: { readonly signer: Signer; readonly clock: Clock | undefined },
): Promise<string> {
  const again = await invoke({
    ...{ issuer: signer, subject, command, args, proofs: chain, bounds: callBounds },
    ...(audience !== undefined && { audience }),
    ...(clock !== undefined && { clock }),
  })
  const delegations = new Map([...chain, ...approvals.flat()].map((one) => [String(one.cid), one]))
  return encodeContainer([again, ...delegations.values()])
}
