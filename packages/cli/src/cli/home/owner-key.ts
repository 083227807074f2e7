// node only: opens files
import { basename, dirname } from 'node:path'
import { openSignerFile, type SignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import { nextOwnerKey } from '../../gateway/configuration/vault-unlock.ts'
import { exists } from './home-files.ts'

/**
 * Opens the key of the owner of a gateway, or another signer file. A change of the key of the vault may have been
 * killed after it had taken effect: the key of the owner that opens with the new key is then in the file beside it.
 *
 * @param key - undefined for a file that is not encrypted.
 * @throws as `openSignerFile` does for the file itself.
 */
export async function openOwnerKey(path: string, key: FileKey | undefined): Promise<SignerFile> {
  if (key === undefined) return openSignerFile({ path })
  try {
    return await openSignerFile({ path, key })
  } catch (error) {
    const next = nextOwnerKey(dirname(path))
    if (basename(path) !== 'owner.key' || !(await exists(next))) throw error
    return openSignerFile({ path: next, key }).catch(() => {
      throw error
    })
  }
}
