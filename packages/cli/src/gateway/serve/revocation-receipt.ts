// node only: encodes by Buffer
import type { Signer } from 'procura'
import { issueReceipt } from 'procura/receipt'
import { openContainer } from 'procura/token'

/**
 * The receipt of a gateway for a revocation that it has taken: its key signs the CID of the revoked delegation, for
 * this one revocation. Another program that listens in the place of the gateway cannot make it. GTW-90
 *
 * @param container - the revocation, as the gateway received it.
 * @returns the receipt in base64.
 */
export async function revocationReceipt(executor: Signer, container: string, revoked: string): Promise<string> {
  const { invocations } = await openContainer(container)
  const [revocation] = invocations
  if (revocation === undefined) throw new Error('the container has no revocation')
  const { bytes } = await issueReceipt({ executor, task: revocation.task, outcome: { ok: { revoked } } })
  return Buffer.from(bytes).toString('base64')
}
