// node only: its users read files
import type { ApprovalRequest } from '../../approval/request.ts'
import { openContainer } from '../../authorization/open-container.ts'
import type { Delegation } from '../../delegation/delegation.ts'
import { findProofs } from '../../proof/find-proofs.ts'
import { memoryProofStore } from '../../proof/memory-proof-store.ts'
import type { Clock } from '../../time.ts'
import type { ApprovalFiles } from './approval-files.ts'

/**
 * The chain from the owner to the approver of a request, among the enrolments; empty without one. Nothing is verified
 * here: the approver signs nothing beyond it, and the service verifies the whole chain.
 */
export async function chainOf(
  { approver, subject, command, args }: ApprovalRequest,
  files: Pick<ApprovalFiles, 'enrolments'>,
  clock: Clock | undefined,
): Promise<readonly Delegation[]> {
  if (approver === subject) return []
  const store = memoryProofStore()
  for (const container of await files.enrolments()) store.add(await delegationsIn(container))
  const found = { invoker: approver, subject, command, args, ...(clock !== undefined && { clock }) }
  return (await findProofs(store, found).catch(() => undefined)) ?? []
}

async function delegationsIn(container: string): Promise<readonly Delegation[]> {
  try {
    return (await openContainer(container)).delegations
  } catch {
    return []
  }
}
