// node only: works with parts that use files
import { dirname, resolve } from 'node:path'
import type { FileKey } from 'procura/vault/file'
import { gatewayHome } from '../../gateway/configuration/home.ts'
import { passphraseOfVault, type VaultUnlock } from '../../gateway/configuration/vault-unlock.ts'
import type { Host } from '../host.ts'
import { askPassphrase } from '../tokens/open-signer.ts'
import { MissingKeyError, UsageError } from '../usage-error.ts'
import { type Flags, textOf } from '../verb.ts'
import { readGatewayFile } from './gateway-file.ts'

/** The passphrase of the vault of the gateway. */
export const vaultVariable = 'PROCURA_VAULT_PASSPHRASE'

/** The key file of a vault, or the source of its passphrase. Without both, it is in the environment, or typed. */
export interface VaultPlace {
  readonly keyFile?: string | undefined
  readonly unlock?: VaultUnlock | undefined
}

/**
 * The key of the vault of the gateway: a key file, the passphrase in the environment, that of `vault.unlock`, or an
 * answer at the terminal.
 *
 * @param vault - of `gateway.json`.
 * @param isNew - whether the vault is made with it, so that a typing error would lock it for ever.
 */
export async function vaultKey({ keyFile, unlock }: VaultPlace, host: Host, isNew: boolean): Promise<FileKey> {
  if (keyFile !== undefined) return { keyFile }
  const given = host.env[vaultVariable]
  if (given !== undefined && given !== '') return { passphrase: checkLength(given, isNew) }
  if (unlock !== undefined)
    return { passphrase: checkLength(await passphraseOfVault(unlock, host.env, await host.keyring?.()), isNew) }
  if (!host.isTerminal)
    throw new MissingKeyError(
      `the vault needs a key: set ${vaultVariable}, run this at a terminal, which asks for a passphrase, or use a key file (--key-file of wrap, \`vault.keyFile\` in gateway.json)`,
    )
  if (isNew) return { passphrase: await askNewPassphrase(host) }
  return { passphrase: checkLength(await askPassphrase('passphrase of the vault (it is not shown): ', host), false) }
}

/** Asks twice for a new passphrase of the vault. */
export async function askNewPassphrase(host: Host): Promise<string> {
  const question = 'new passphrase of the vault, at least 8 characters (it is not shown): '
  const passphrase = checkLength(await askPassphrase(question, host), true)
  if (passphrase === (await askPassphrase('the same passphrase again: ', host))) return passphrase
  throw new UsageError('the two passphrases differ; nothing is written')
}

/** The place of a vault, whose key file `--key-file` can name. */
export function placeGiven(vault: VaultPlace, flags: Flags): VaultPlace {
  return { ...vault, keyFile: textOf(flags, 'key-file') ?? vault.keyFile }
}

/** The next step after an error about a passphrase that `vault.unlock` gave. Undefined for other errors. */
export async function unlockHint(message: string, flags: Flags, host: Host): Promise<string | undefined> {
  if (!message.startsWith('the key or passphrase is not the one of')) return undefined
  const config = textOf(flags, 'config')
  const home = config === undefined ? gatewayHome(textOf(flags, 'home'), host.env) : dirname(resolve(config))
  const unlock = (await readGatewayFile(home).catch(() => undefined))?.vault.unlock
  if (unlock === undefined || textOf(flags, 'key-file') !== undefined) return undefined
  if ('command' in unlock) return 'the command in `vault.unlock` of gateway.json has to print the right one'
  if ('credential' in unlock) return `the credential ${unlock.credential} has to contain the right one`
  const keyring = await host.keyring?.()
  return keyring === undefined
    ? undefined
    : `the keyring has to have the right one; store it with \`${keyring.storeCommand(resolve(home))}\``
}

/** A shorter passphrase is refused before it is asked for again, and before the vault is opened. */
export function checkLength(passphrase: string, isNew: boolean): string {
  if (new TextEncoder().encode(passphrase).length >= 8) return passphrase
  throw new UsageError(
    isNew
      ? 'the new passphrase of the vault must have at least 8 characters; nothing is written'
      : 'the passphrase is not the one of the vault, which has at least 8 characters',
  )
}
