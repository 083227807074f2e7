// node only: reads files
import { randomBytes } from 'node:crypto'
import { realpath } from 'node:fs/promises'
import { ArgumentError } from 'procura/errors'
import { openFileVault } from 'procura/vault/file'
import type { Keyring } from '../../support/keyring.ts'
import type { Host } from '../host.ts'
import type { Flags } from '../verb.ts'
import type { GatewayFile } from './gateway-file.ts'
import { type VaultPlace, vaultVariable } from './vault-key.ts'

/** The vault of a home folder, and the place of its key. */
export interface HomeVault {
  readonly file: string
  readonly place: VaultPlace
  readonly isNew: boolean
}

/**
 * The keyring that has the passphrase of the vault of a new home folder, or gets it. WRP-70
 *
 * @returns undefined when a key is named, the passphrase is asked for, or no keyring answers.
 */
export async function keyringFor(
  home: string,
  known: GatewayFile | undefined,
  { file, place, isNew }: HomeVault,
  flags: Flags,
  host: Host,
): Promise<Keyring | undefined> {
  if (known !== undefined || place.keyFile !== undefined || flags['ask-passphrase'] === true) return undefined
  if ((host.env[vaultVariable] ?? '') !== '') return undefined
  const keyring = await host.keyring?.()
  if (keyring === undefined || !(await keyring.answers())) return undefined
  if (isNew) return keyring
  // A run that was killed has made the vault, and no `gateway.json`.
  const passphrase = await keyring.lookUp(await realpath(home)).catch(() => undefined)
  if (passphrase === undefined) return undefined
  return openFileVault({ path: file, key: { passphrase } }).then(
    () => keyring,
    () => undefined,
  )
}

/** A random passphrase of 256 bits, for a keyring. */
export function newPassphrase(): string {
  return randomBytes(32).toString('base64url')
}

/**
 * Stores a passphrase in a keyring, and reads it back: what it does not have would be lost.
 *
 * @throws ArgumentError when the keyring has not stored it.
 */
export async function storeEntry(keyring: Keyring, folder: string, passphrase: string): Promise<void> {
  await keyring.store(folder, passphrase)
  if ((await keyring.lookUp(folder)) !== passphrase)
    throw new ArgumentError('the keyring has another passphrase than the one that was stored in it')
}

/**
 * Gives a new home folder its passphrase in the keyring, before a vault is made with it.
 *
 * @returns whether the keyring has it. If it does not, a message is the reason.
 */
export async function storePassphrase(keyring: Keyring, home: string, host: Host): Promise<boolean> {
  const folder = await realpath(home)
  try {
    // A run that was killed has stored it, or a copy of a former vault needs it. So it stays.
    if ((await keyring.lookUp(folder)) !== undefined) return true
    await storeEntry(keyring, folder, newPassphrase())
    return true
  } catch (error) {
    if (!(error instanceof ArgumentError)) throw error
    host.complain(error.message)
    return false
  }
}
