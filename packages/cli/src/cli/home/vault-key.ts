// node only: works with parts that use files
import type { FileKey } from 'procura/vault/file'
import type { Host } from '../host.ts'
import { askPassphrase } from '../tokens/open-signer.ts'
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
  if (given !== undefined && given !== '') return { passphrase: longEnough(given, isNew) }
  if (!host.isTerminal)
    throw new MissingKeyError(
      `the vault needs a key: set ${vaultVariable}, run this at a terminal, which asks for a passphrase, or use a key file (--key-file of wrap, \`vault.keyFile\` in gateway.json)`,
    )
  const question = isNew
    ? 'new passphrase of the vault, at least 8 characters (it is not shown): '
    : 'passphrase of the vault (it is not shown): '
  const passphrase = longEnough(await askPassphrase(question, host), isNew)
  if (isNew && passphrase !== (await askPassphrase('the same passphrase again: ', host)))
    throw new UsageError('the two passphrases differ; nothing is written')
  return { passphrase }
}

/** A shorter passphrase is refused before it is asked for again, and before the vault is opened. */
function longEnough(passphrase: string, isNew: boolean): string {
  if (new TextEncoder().encode(passphrase).length >= 8) return passphrase
  throw new UsageError(
    isNew
      ? 'the new passphrase of the vault must have at least 8 characters; nothing is written'
      : 'the passphrase is not the one of the vault, which has at least 8 characters',
  )
}
