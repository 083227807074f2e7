// node only: its users read files
import type { Clock, Delegation } from 'procura'
import type { ApprovalRequest } from 'procura/approval'
import { findProofs, memoryProofStore } from 'procura/proof'
import { openContainer } from 'procura/token'
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
