// node only: reads a file
import { nonEmptyString, type OptionChecks, readOptions } from '../../../support/options.ts'
import type { Secret } from '../../secret.ts'
import { openFileStore } from './file-store.ts'
import { openRecord } from './format.ts'
import { defaultScryptCost, type FileKey, keyCheck, ownKey } from './key.ts'

/** Options of {@link revealCredentials}. */
export interface RevealCredentialsOptions {
  /** The path of the vault. */
  readonly path: string
  /** Its key. */
  readonly key: FileKey
}

const checks: OptionChecks<RevealCredentialsOptions> = Object.freeze({ path: nonEmptyString, key: keyCheck })

/**
 * Reads the current secret of every credential in the file of `openFileVault`, whatever its rules are. It is for the
 * operator, who has the key of the file: to move secrets elsewhere, or to search for copies of them. The vault itself
 * releases a secret only to an authorized call. VLT-48
 *
 * @returns the secrets by the names of their credentials. The caller disposes of them.
 * @throws as `openFileVault` does, and VaultError `ERR_VAULT_CONFIGURATION` when the file does not exist.
 *
 * @example
 * ```ts
 * import { revealCredentials } from 'procura/vault/file'
 *
 * const secrets = await revealCredentials({ path: 'vault', key: { keyFile: 'vault.key' } })
 * for (const [name, secret] of secrets) {
 *   console.log(name, secret.revealBytes().length)
 *   secret.dispose()
 * }
 * ```
 */
export async function revealCredentials(options: RevealCredentialsOptions): Promise<ReadonlyMap<string, Secret>> {
  const { path, key } = readOptions('revealCredentials', options, checks)
  const store = await openFileStore({ path, key: ownKey(key), ...settings })
  const { contents, keys } = await store.read()
  // Of several versions, the last one is current.
  const current = new Map(contents.records.map((record) => [record.name, record] as const))
  return new Map([...current].map(([name, record]) => [name, openRecord(keys, record)] as const))
}

/** No file is made, so the cost of a new one does not matter. */
const settings = Object.freeze({
  create: false,
  scryptCost: defaultScryptCost,
  lockTimeoutMs: 5_000,
  readTimeoutMs: 10_000,
})
