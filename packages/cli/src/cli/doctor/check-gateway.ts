// node only: connects to a socket
import { isDid } from 'procura/did'
import type { GatewayConnection } from '../../gateway/agent-side/connect/connection-file.ts'
import { isSuccessor } from '../../gateway/agent-side/connect/take-successor.ts'
import { askGateway } from '../gateway/ask-gateway.ts'
import type { Finding } from './finding.ts'

/**
 * Asks the gateway for a server, as the agent would, and compares its audience with the one that the agent expects.
 * A gateway that proves that it succeeds that one is not another one: `connect` follows it. WRP-23
 */
export async function checkGateway(
  agent: string,
  connection: GatewayConnection,
  server: string,
): Promise<readonly Finding[]> {
  const place = connection.socket ?? String(connection.address)
  const finding = (fault: string, remedy: string): readonly Finding[] => [
    { check: 'gateway', thing: `the gateway at ${place}`, fault, remedy },
  ]
  const asked = await askGateway(connection, { procura: 1, server })
  if ('fault' in asked) return finding(asked.fault, 'start it with `procura start`')
  const { procura, audience, error } = asked.answer
  if (procura !== 1) return finding('is not a gateway of a known version', 'update procura')
  if (error !== undefined) {
    const { code } = Object(error) as { readonly code?: unknown }
    return finding(
      `refuses the server ${server} (${wordOf(code)})`,
      code === 'server_unknown' ? 'run `procura reload`, which takes gateway.json' : 'see `procura status`',
    )
  }
  if (audience !== connection.audience && !(await succeeds(connection, audience)))
    return finding(
      `is another one than connect.json of the agent ${agent} names`,
      'start the gateway of this home folder, or correct `audience` in connect.json',
    )
  return []
}

async function succeeds(connection: GatewayConnection, found: unknown): Promise<boolean> {
  if (!isDid(found)) return false
  const asked = await askGateway(connection, { procura: 1, successor: connection.audience })
  return 'answer' in asked && isSuccessor(connection.audience, found, asked.answer['successor'])
}

function wordOf(code: unknown): string {
  return typeof code === 'string' && /^[a-z_]{1,40}$/.test(code) ? code : 'without a code'
}
