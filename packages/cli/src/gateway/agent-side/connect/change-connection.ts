// node only: reads and replaces files
import { join } from 'node:path'
import { createFileLock } from '#support/file-lock/file-lock.ts'
import { withFileLock } from '#support/file-lock/with-file-lock.ts'
import { type PrivateFile, readPrivateFile, replacePrivateFile } from '#support/private-file.ts'
import { type GatewayConnection, readConnection } from './connection-file.ts'

/** Milliseconds to wait for another process that changes the file. */
const lockMs = 5_000

/** New fields of `connect.json`; one that is undefined is removed. */
export type ConnectionChange = { readonly [Field in keyof GatewayConnection]?: GatewayConnection[Field] | undefined }

/**
 * Changes fields of the `connect.json` of an agent in one step.
 *
 * @param change - returns the new fields, or undefined to leave the file.
 * @throws VaultError when the file cannot be written, or another process changes it.
 */
export async function changeConnection(
  folder: string,
  change: (connection: GatewayConnection) => ConnectionChange | undefined,
): Promise<void> {
  if (change(await readConnection(folder)) === undefined) return
  const path = join(folder, 'connect.json')
  const lockFolder = `${path}.lock`
  await withFileLock(createFileLock(lockFolder), lockFolder, lockMs, async (lock) => {
    // `connect` follows its gateway while a verb of the owner runs.
    const fields = change(await readConnection(folder))
    if (fields === undefined) return
    const { bytes } = (await readPrivateFile(path, { timeoutMs: 10_000 })) as PrivateFile
    const text = JSON.stringify({ ...JSON.parse(new TextDecoder().decode(bytes)), ...fields }, undefined, 2)
    await replacePrivateFile(path, new TextEncoder().encode(`${text}\n`), lock)
  })
}
