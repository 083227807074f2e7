// node only: works with parts that use files
import type { FileKey } from '../../vault/stores/file/key.ts'
import type { Host } from '../host.ts'
import { askPassphrase } from '../open-signer.ts'
import { MissingKeyError, UsageError } from '../usage-error.ts'

/** The passphrase of the vault of the gateway. */
export const vaultVariable = 'PROCURA_VAULT_PASSPHRASE'

/**
 * The key of the vault of the gateway: a key file, the passphrase in the environment, or an answer at the terminal.
 *
 * @param isNew - whether the vault is made with it, so that a typing error would lock it for ever.
 */
export async function vaultKey(keyFile: string | undefined, host: Host, isNew: boolean): Promise<FileKey> {
  if (keyFile !== undefined) return { keyFile }
  const given = host.env[vaultVariable]
  if (given !== undefined && given !== '') return { passphrase: given }
  if (!host.isTerminal)
    throw new MissingKeyError(
      `the vault needs a key: set ${vaultVariable}, run this at a terminal, which asks for a passphrase, or use a key file (--key-file of wrap, \`vault.keyFile\` in gateway.json)`,
    )
  const passphrase = await askPassphrase(
    isNew
      ? 'new passphrase of the vault, at least 8 characters (it is not shown): '
      : 'passphrase of the vault (it is not shown): ',
    host,
  )
  if (isNew && passphrase !== (await askPassphrase('the same passphrase again: ', host)))
    throw new UsageError('the two passphrases differ; nothing is written')
  return { passphrase }
}
