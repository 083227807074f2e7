// node only: reads and replaces files
import type { Did } from 'procura'
import { verifyDelegation } from 'procura/authorization'
import { successorCommand } from '../../wire/proof-command.ts'
import { changeConnection } from './change-connection.ts'
import type { GatewayConnection } from './connection-file.ts'

/**
 * Takes the DID of a gateway that succeeds the one of an agent, if the former key has signed that. CON-32
 *
 * @param connection - its audience is replaced, here and in its file. A file that cannot be written stays: the gateway
 *   proves it again at the next connection.
 * @param proof - see {@link isSuccessor}.
 * @returns whether it was taken.
 */
export async function takeSuccessor(
  connection: GatewayConnection,
  former: Did,
  successor: Did,
  proof: unknown,
): Promise<boolean> {
  if (!(await isSuccessor(former, successor, proof))) return false
  connection.audience = successor
  const { folder } = connection
  if (folder !== undefined)
    await changeConnection(folder, ({ audience }) => (audience === former ? { audience: successor } : undefined)).catch(
      () => undefined,
    )
  return true
}

/**
 * Whether the key of a former DID has named a successor.
 *
 * @param proof - the `successor` of the answer of a gateway: a container with one delegation.
 */
export async function isSuccessor(former: string, successor: Did, proof: unknown): Promise<boolean> {
  if (typeof proof !== 'string') return false
  const verdict = await verifyDelegation(proof, { audience: successor })
  if (!verdict.verified) return false
  const { subject, command, proofs, delegation } = verdict
  // No longer chain: the former key itself names its successor.
  const isSigned = subject === former && delegation.issuer === former && proofs.length === 1
  return isSigned && command === successorCommand
}
