// node only: reads and writes files
import { realpath } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { changeSignerFileKey, describeSignerFile, openSignerFile } from 'procura/signer/file'
import { type FileKey, openFileVault } from 'procura/vault/file'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type GatewayFile, readGatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { inHome } from './wrap-home.ts'

/**
 * Encrypts a vault with another key. For the vault of a gateway, the key of the owner is encrypted with it too, because
 * one key opens both.
 *
 * @returns the gateway of the vault, if it has one.
 */
export async function changeVaultKey(
  file: string,
  key: FileKey,
  next: FileKey,
  home: string | undefined,
  host: Host,
): Promise<GatewayFile | undefined> {
  const gateway = await gatewayOfVault(file, home, host)
  if (gateway === undefined) {
    if (home !== undefined)
      throw new UsageError(`the gateway of ${quote(resolve(home), 256)} does not have this vault; leave out --home`)
    await (await openFileVault({ path: file, key })).changeKey(next)
    return undefined
  }
  const folder = dirname(gateway.path)
  return inHome(folder, async () => {
    const path = join(folder, 'owner.key')
    const isOwned = (await exists(path)) && (await describeSignerFile({ path })).encrypted
    // A run that was killed has changed one of the two. Both are opened before either is changed.
    const vault = await openedBy(key, next, (one) => openFileVault({ path: file, key: one }))
    const owner = isOwned ? await openedBy(key, next, (one) => openSignerFile({ path, key: one })) : undefined
    if (owner?.by === key) await changeSignerFileKey({ path, key, newKey: next })
    try {
      if (vault.by === key) await vault.opened.changeKey(next)
    } catch (error) {
      if (owner?.by === key) await changeSignerFileKey({ path, key: next, newKey: key })
      throw error
    }
    return gateway
  })
}

/** Opens a file with its present key, or with the next one. If both fail, the error of the present key is thrown. */
async function openedBy<T>(
  key: FileKey,
  next: FileKey,
  open: (key: FileKey) => Promise<T>,
): Promise<{ readonly opened: T; readonly by: FileKey }> {
  try {
    return { opened: await open(key), by: key }
  } catch (error) {
    const opened = await open(next).catch(() => undefined)
    if (opened === undefined) throw error
    return { opened, by: next }
  }
}

/** The gateway of the vault in a file: of the given folder; else the one beside the file, or of the home folder. */
export async function gatewayOfVault(
  file: string,
  given: string | undefined,
  { env }: Host,
): Promise<GatewayFile | undefined> {
  const path = await realPath(file)
  for (const home of given === undefined ? [dirname(path), gatewayHome(undefined, env)] : [resolve(given)]) {
    const gateway = await readGatewayFile(home)
    if (gateway !== undefined && (await realPath(gateway.vault.file)) === path) return gateway
  }
  return undefined
}

function realPath(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}
