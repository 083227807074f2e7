// node only: renames files
import { realpath, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ArgumentError } from 'procura/errors'
import { openSignerFile } from 'procura/signer/file'
import { type FileKey, openFileVault } from 'procura/vault/file'
import { syncFolder } from '#support/durable-file.ts'
import { nextOwnerKey } from '../../gateway/configuration/vault-unlock.ts'
import type { Host } from '../host.ts'
import type { GatewayFile } from './gateway-file.ts'
import { exists } from './home-files.ts'
import { storeEntry } from './keyring-vault.ts'
import type { VaultPlace } from './vault-key.ts'

/** The vault of a gateway, and the place of its key. */
type KeyedVault = Pick<GatewayFile['vault'], 'file'> & VaultPlace

/**
 * Finishes a change of the key of the vault, or takes it back: the key that opens the vault becomes the key of
 * `owner.key` and of the keyring. Each step can be repeated. The caller holds the lock of the home folder.
 *
 * @param key - opens the vault. With another key, and without a change, nothing is done.
 * @returns whether nothing is left of a change. If it is false, a message is the reason.
 */
export async function settleKeyChange(folder: string, vault: KeyedVault, key: FileKey, host: Host): Promise<boolean> {
  const next = nextOwnerKey(folder)
  if (!(await exists(next))) return true
  const opens = (task: Promise<unknown>): Promise<boolean> =>
    task.then(
      () => true,
      () => false,
    )
  if (!(await opens(openFileVault({ path: vault.file, key })))) return false
  const path = join(folder, 'owner.key')
  const isOld = await opens(openSignerFile({ path, key }))
  // Both are damaged, or another program made them.
  if (!isOld && !(await opens(openSignerFile({ path: next, key })))) return false
  return finishKeyChange(folder, vault, key, !isOld, host)
}

/**
 * The steps after a change of the key of the vault: the keyring, and then the key of the owner.
 *
 * @param isChanged - whether the change took effect. Otherwise it is taken back.
 * @returns whether nothing is left of it.
 */
export async function finishKeyChange(
  folder: string,
  vault: VaultPlace,
  key: FileKey,
  isChanged: boolean,
  host: Host,
): Promise<boolean> {
  const next = nextOwnerKey(folder)
  try {
    await settleKeyring(vault, key, host)
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    host.complain(`the change of the passphrase is not finished: ${error.message}; the next command goes on with it`)
    return false
  }
  await (isChanged ? rename(next, join(folder, 'owner.key')) : rm(next))
  await syncFolder(folder)
  return true
}

/** The keyring has the present passphrase under the folder, and no other one. */
async function settleKeyring({ unlock }: VaultPlace, key: FileKey, host: Host): Promise<void> {
  const passphrase = 'passphrase' in key ? key.passphrase : undefined
  if (unlock === undefined || !('keyring' in unlock) || typeof passphrase !== 'string') return
  const keyring = await host.keyring?.()
  if (keyring === undefined) throw new ArgumentError('this system has no keyring that is supported')
  const folder = await realpath(unlock.keyring)
  if ((await keyring.lookUp(folder)) !== passphrase) await storeEntry(keyring, folder, passphrase)
  await keyring.remove(nextOwnerKey(folder))
}
