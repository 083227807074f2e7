// node only: reads files and starts programs
import { constants } from 'node:fs'
import { access, type FileHandle, open, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import { type Keyring, systemKeyring } from '../../support/keyring.ts'
import { passphraseIn, passphraseOf } from '../../support/passphrase-command.ts'

/** The source of the passphrase of a vault: `vault.unlock` of `gateway.json`. */
export type VaultUnlock =
  /** The entry of a home folder in the keyring of the desktop, and the vault that it opens. */
  | { readonly keyring: string; readonly vault: string }
  /** A program and its arguments, which prints the passphrase. */
  | { readonly command: readonly string[] }
  /** The name of a credential of systemd. */
  | { readonly credential: string }

/** `vault.unlock` as it is in the file. */
export interface RawUnlock {
  readonly keyring?: true
  readonly command?: readonly string[]
  readonly credential?: string
}

/** The source of the passphrase of a vault, for the configuration in a folder. */
export function unlockOf(raw: RawUnlock, folder: string, vault: string): VaultUnlock {
  if (raw.command !== undefined) return { command: raw.command }
  return raw.credential === undefined ? { keyring: folder, vault } : { credential: raw.credential }
}

/**
 * The key of the owner under the next key of the vault, while it is changed. The entry of the keyring with the next
 * passphrase has this path, too.
 */
export function nextOwnerKey(folder: string): string {
  return join(folder, 'owner.key.next')
}

/**
 * The passphrase of a vault. Nothing is asked for, except by a keyring that is locked. GTW-77
 *
 * @param keyring - Default: that of this system.
 * @throws ArgumentError with the next step, when there is none.
 */
export async function passphraseOfVault(
  unlock: VaultUnlock,
  env: Readonly<Record<string, string | undefined>> = process.env,
  keyring: Keyring | undefined = systemKeyring(env),
): Promise<string> {
  if ('command' in unlock) return passphraseOf(unlock.command, 'the command in `vault.unlock` of gateway.json', env)
  if ('credential' in unlock) return passphraseOfCredential(unlock.credential, env)
  if (keyring === undefined)
    throw new ArgumentError(
      '`vault.unlock` of gateway.json names the keyring, and this system has none that is supported; use a command or `keyFile` there',
    )
  const folder = await realpath(unlock.keyring)
  const lookUp = (place: string): Promise<string | undefined> =>
    keyring.lookUp(place).catch((error: Error) => {
      throw new ArgumentError(
        `${error.message}; log in at the desktop, or set PROCURA_VAULT_PASSPHRASE for this command`,
      )
    })
  const found = (await nextPassphrase(folder, unlock.vault, lookUp)) ?? (await lookUp(folder))
  if (found !== undefined) return found
  throw new ArgumentError(
    `the keyring has no passphrase for the vault of ${quote(folder, 256)}; store it with \`${keyring.storeCommand(folder)}\``,
  )
}

/** The next passphrase, if the change of the vault was killed after it had taken effect. WRP-62 */
async function nextPassphrase(
  folder: string,
  vault: string,
  lookUp: (place: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const place = nextOwnerKey(folder)
  const isBegun = await access(place).then(
    () => true,
    () => false,
  )
  const passphrase = isBegun ? await lookUp(place) : undefined
  if (passphrase === undefined) return undefined
  const { openFileVault } = await import('procura/vault/file')
  return openFileVault({ path: vault, key: { passphrase } }).then(
    () => passphrase,
    () => undefined,
  )
}

/** The most bytes of a credential. */
const mostBytes = 4_096

/** GTW-79: systemd gives it to root or to the user of the service, and to nobody else. */
async function passphraseOfCredential(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const folder = env['CREDENTIALS_DIRECTORY']
  const fail = (fault: string): never => {
    throw new ArgumentError(
      `the credential ${quote(name)} of \`vault.unlock\` in gateway.json ${fault}; the unit of systemd must have it, with LoadCredential=${name}:FILE`,
    )
  }
  if (folder === undefined || folder === '') return fail('is not there, because CREDENTIALS_DIRECTORY is not set')
  let handle: FileHandle
  try {
    handle = await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return fail(`could not be opened (${(error as NodeJS.ErrnoException).code})`)
  }
  try {
    const status = await handle.stat()
    if (!status.isFile()) return fail('is not a regular file')
    if (status.uid !== 0 && status.uid !== process.getuid?.()) return fail('belongs to another user')
    // The bits of the group show the mask of an access list, by which systemd lets the user of the service read it.
    if ((status.mode & 0o027) !== 0) return fail('is accessible to other users')
    if (status.size > mostBytes) return fail(`has more than ${mostBytes} bytes`)
    const bytes = await handle.readFile()
    const text = passphraseIn(bytes)
    bytes.fill(0)
    return text ?? fail('must be one line of text, the passphrase')
  } finally {
    await handle.close()
  }
}
