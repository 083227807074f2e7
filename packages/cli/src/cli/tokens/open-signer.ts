// node only: opens files

import { describeSignerFile, openSignerFile, type SignerFile } from 'procura/signer/file'
import type { FileKey } from 'procura/vault/file'
import type { Host } from '../host.ts'
import { UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'

/** The passphrase of an encrypted signer file. */
const variable = 'PROCURA_KEY_PASSPHRASE'

/** Opens a signer file. The passphrase of an encrypted one comes from the environment or the terminal. CLI-04 */
export async function openSigner(path: string, flags: Flags, host: Host): Promise<SignerFile> {
  const { encrypted } = await describeSignerFile({ path })
  if (!encrypted) return openSignerFile({ path })
  const { openOwnerKey } = await import('../home/owner-key.ts')
  return openOwnerKey(path, await keyOf(path, flags, host))
}

/** The key of the owner of a gateway opens as its vault does. */
async function keyOf(path: string, flags: Flags, host: Host): Promise<FileKey> {
  if (textOf(flags, 'key-file') !== undefined || (host.env[variable] ?? '') !== '') return fileKey(flags, host, false)
  const { ownerPassphrase } = await import('../home/owner-passphrase.ts')
  const passphrase = await ownerPassphrase(path, host)
  return passphrase === undefined ? fileKey(flags, host, false) : { passphrase }
}

/**
 * The key of a signer file.
 *
 * @param isNew - whether a file is made with it, so that a typing error would lock it for ever.
 */
export async function fileKey(flags: Flags, host: Host, isNew: boolean): Promise<FileKey> {
  const keyFile = textOf(flags, 'key-file')
  if (keyFile !== undefined) return { keyFile }
  const given = host.env[variable]
  if (given !== undefined && given !== '') return { passphrase: given }
  if (!host.isTerminal)
    throw new UsageError(`the file is encrypted: pass --key-file, or ${variable} in the environment`)
  const passphrase = await askPassphrase('passphrase (it is not shown): ', host)
  if (isNew && passphrase !== (await askPassphrase('the same passphrase again: ', host)))
    throw new UsageError('the two passphrases differ; nothing is written')
  return { passphrase }
}

/** Asks for a passphrase at the terminal, which does not show it. */
export async function askPassphrase(question: string, host: Host): Promise<string> {
  const typed = await host.askHidden(question)
  if (typed === undefined) throw new UsageError('the input was interrupted; nothing is written')
  const text = new TextDecoder('utf-8', { fatal: true }).decode(typed)
  typed.fill(0)
  return text
}
