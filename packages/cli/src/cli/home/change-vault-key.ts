// node only: reads and writes files
import { copyFile, realpath, rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { changeSignerFileKey, describeSignerFile, openSignerFile } from 'procura/signer/file'
import { type FileKey, openFileVault } from 'procura/vault/file'
import { namingDisk, syncFolder } from '#support/durable-file.ts'
import { quote } from '#support/quote.ts'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { nextOwnerKey } from '../../gateway/configuration/vault-unlock.ts'
import { holdGateway } from '../gateway/lock-gateway.ts'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type GatewayFile, readGatewayFile } from './gateway-file.ts'
import { exists, withStage } from './home-files.ts'
import { finishKeyChange, settleKeyChange } from './settle-key-change.ts'
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
  await changeGatewayKey(gateway, key, next, host)
  return gateway
}

/**
 * Encrypts the vault of a gateway and the key of its owner with another key, both or none. The key of the owner under
 * the new key waits beside the present one, so the vault decides which of them counts. WRP-60
 *
 * @param keep - keeps the new key where the gateway finds it, before the vault needs it.
 * @returns whether the keyring and the file of the owner's key have it. If it is false, a message is the reason.
 * @throws Error while the gateway runs.
 */
export async function changeGatewayKey(
  gateway: GatewayFile,
  key: FileKey,
  next: FileKey,
  host: Host,
  keep: () => Promise<void> = async () => undefined,
): Promise<boolean> {
  const folder = dirname(gateway.path)
  const { file } = gateway.vault
  return inHome(folder, () =>
    withoutGateway(gateway, async () => {
      const path = join(folder, 'owner.key')
      const isOwned = (await exists(path)) && (await describeSignerFile({ path })).encrypted
      // A run that was killed has changed the vault, perhaps without its gateway.
      const vault = await openedBy(key, next, (one) => openFileVault({ path: file, key: one }))
      await settleKeyChange(folder, gateway.vault, vault.by, host)
      if (isOwned) await stageOwnerKey(folder, key, next)
      if (vault.by === key) {
        try {
          await keep()
          await vault.opened.changeKey(next)
        } catch (error) {
          await settleKeyChange(folder, gateway.vault, key, host)
          throw error
        }
      }
      return !isOwned || finishKeyChange(folder, gateway.vault, next, true, host)
    }),
  )
}

/**
 * Writes the key of the owner under the next key, whole and beside the present one.
 *
 * @throws as `changeSignerFileKey` does, when it opens with neither key.
 */
async function stageOwnerKey(folder: string, key: FileKey, next: FileKey): Promise<void> {
  await withStage(folder, async (stage) => {
    const draft = join(stage, 'file')
    const path = join(folder, 'owner.key')
    await copyFile(path, draft).catch((error: Error) => {
      throw namingDisk(error, draft)
    })
    await changeSignerFileKey({ path: draft, key, newKey: next }).catch(async (error: Error) => {
      // A run of an earlier version changed it before the vault.
      const isChanged = await openSignerFile({ path: draft, key: next }).then(
        () => true,
        () => false,
      )
      if (isChanged) return
      await openSignerFile({ path, key })
      throw error
    })
    await rename(draft, nextOwnerKey(folder))
    await syncFolder(folder)
  })
}

/**
 * Runs a task while no gateway has the state: one that runs would go on with the former key, and lose a refresh token
 * that it gets from a server. WRP-61
 */
async function withoutGateway<T>(gateway: GatewayFile, task: () => Promise<T>): Promise<T> {
  const answer = await holdGateway(gateway.stateFile)
  if (!('lock' in answer)) throw new Error(gatewayRuns(answer.process))
  try {
    return await task()
  } finally {
    answer.lock.release()
  }
}

/** The message while a gateway runs. */
export function gatewayRuns(process: number | 'unknown', again = 'this again'): string {
  return `the gateway runs (process ${process}), and would go on with the former key; run \`procura stop\`, then ${again}, then \`procura start\``
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
