// node only: reads and replaces files
import { join } from 'node:path'
import type { HeldLock } from '#support/file-lock/held-lock.ts'
import { type PrivateFile, readPrivateFile, replacePrivateFile } from '#support/private-file.ts'
import { type GatewayConnection, readConnection } from '../../gateway/agent-side/connect/connection-file.ts'

/**
 * Changes fields of the `connect.json` of an agent in one step.
 *
 * @param change - returns the new fields, or undefined to leave the file.
 */
export async function changeConnection(
  folder: string,
  change: (connection: GatewayConnection) => Partial<GatewayConnection> | undefined,
  lock: HeldLock,
): Promise<void> {
  const fields = change(await readConnection(folder))
  if (fields === undefined) return
  const path = join(folder, 'connect.json')
  const { bytes } = (await readPrivateFile(path, { timeoutMs: 10_000 })) as PrivateFile
  const text = JSON.stringify({ ...JSON.parse(new TextDecoder().decode(bytes)), ...fields }, undefined, 2)
  await replacePrivateFile(path, new TextEncoder().encode(`${text}\n`), lock)
}
