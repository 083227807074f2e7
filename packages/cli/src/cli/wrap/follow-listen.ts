// node only: reads and replaces files
import { join } from 'node:path'
import { type ConnectionChange, changeConnection } from '../../gateway/agent-side/connect/change-connection.ts'
import { type GatewayConnection, readConnection } from '../../gateway/agent-side/connect/connection-file.ts'
import { type GatewayFile, readGatewayFile } from '../home/gateway-file.ts'
import { inHome, placeFor } from '../home/wrap-home.ts'
import type { Host } from '../host.ts'
import type { Flags } from '../verb.ts'
import type { WrapIndex } from './wrap-index.ts'

/** The place of `connect.json`, and the one at which the gateway listens now; undefined if they are one. WRP-89 */
export function otherPlace(
  { socket, address }: GatewayConnection,
  { listen }: Pick<GatewayFile, 'listen'>,
): { readonly before: string; readonly now: string } | undefined {
  const before = socket ?? String(address)
  const now = listen.socket ?? String(listen.address)
  return before === now ? undefined : { before, now }
}

/** The agent of a wrapped configuration connects to the place at which the gateway of the home folder listens now. */
export async function followListen(
  home: string,
  index: WrapIndex | undefined,
  flags: Flags,
  host: Host,
): Promise<void> {
  const gateway = await readGatewayFile(home)
  if (index === undefined || gateway === undefined) return
  const folder = join(home, 'agents', index.agent)
  const connection = await readConnection(folder).catch(() => undefined)
  const other = connection && otherPlace(connection, gateway)
  // `doctor` reports a file that cannot be read.
  if (other === undefined) return
  const isDry = flags['dry-run'] === true
  const change = (now: GatewayConnection): ConnectionChange | undefined =>
    otherPlace(now, gateway) && { socket: undefined, address: undefined, ...placeFor(folder, home, gateway.listen) }
  if (!isDry) await inHome(home, () => changeConnection(folder, change))
  host.complain(
    `the agent ${index.agent} ${isDry ? 'would connect' : 'connects'} to ${other.now}, where the gateway listens, and not to ${other.before} any more`,
  )
}
