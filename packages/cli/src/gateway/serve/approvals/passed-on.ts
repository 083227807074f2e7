// node only: its users read files
import { anyCommand, type Clock, type Did } from 'procura'
import type { ApprovalRequest } from 'procura/approval'
import { verifyDelegation } from 'procura/authorization'
import type { PrincipalNames } from '../../configuration/principal-names.ts'

/** Most characters of a chain that is kept with a request. */
const most = 32_768

/**
 * The agents that have passed the authority on to the agent of a request, the first one after the owner first. Empty
 * for a chain that does not verify, or is of another agent, subject or command. Revocations are not looked up. APR-39
 */
export async function passedOnBy(
  chain: string | undefined,
  { agent, subject, command }: Pick<ApprovalRequest, 'agent' | 'subject' | 'command'>,
  clock: Clock | undefined,
): Promise<readonly Did[]> {
  if (chain === undefined || chain.length > most) return []
  const verdict = await verifyDelegation(chain, { audience: agent, ...(clock !== undefined && { clock }) }).catch(
    () => undefined,
  )
  if (verdict?.verified !== true || verdict.subject !== subject) return []
  const above = verdict.command === anyCommand ? '/' : `${verdict.command}/`
  return `${command}/`.startsWith(above) ? verdict.proofs.slice(0, -1).map(({ audience }) => audience) : []
}

/** The names, where the agent has the names of those that have passed the authority on to it. */
export function namesWith(names: PrincipalNames, agent: string, through: readonly string[]): PrincipalNames {
  if (through.length === 0) return names
  const [own, ...others] = [agent, ...through].map((did) => names[did] ?? 'an unknown agent')
  return { ...names, [agent]: `${own}, through ${others.join(' and ')}` }
}
