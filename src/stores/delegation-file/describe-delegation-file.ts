// node only: reads a file
import { StoreError, VaultError } from '../../errors.ts'
import { nonEmptyString, readOptions } from '../../support/options.ts'
import { readPrivateFile } from '../../support/private-file.ts'
import { isSealed, readSealed } from './sealed-file.ts'

/** Milliseconds within which the file must be read. */
const timeoutMs = 10_000

/** The part of a file of delegations that is readable without its key. */
export interface DelegationFileDescription {
  readonly encrypted: boolean
  /** The `name` of an encrypted file, if it has one. It is authenticated when the file is opened. */
  readonly name?: string
  /** The kind of key of an encrypted file: a passphrase, or a key file or 32 bytes. */
  readonly key?: 'passphrase' | 'bytes'
}

/**
 * Reads whether a file of `fileDelegationStore` is encrypted, without its key.
 *
 * @returns undefined when there is no file.
 * @throws ArgumentError when an option is invalid; StoreError when the file cannot be read, other users have access to
 *   it, or it is damaged.
 */
export async function describeDelegationFile(options: {
  readonly path: string
}): Promise<DelegationFileDescription | undefined> {
  const { path } = readOptions('describeDelegationFile', options, { path: nonEmptyString })
  const file = await readPrivateFile(path, { timeoutMs }).catch((cause: unknown) => {
    if (cause instanceof VaultError) throw new StoreError(`the delegation store failed: ${cause.message}`, { cause })
    throw cause
  })
  if (file === undefined || file === 'unchanged') return undefined
  const text = new TextDecoder().decode(file.bytes)
  if (!isSealed(text)) return Object.freeze({ encrypted: false })
  const { name, derivation } = readSealed(text)
  const key = derivation.kind === 'scrypt' ? 'passphrase' : 'bytes'
  return Object.freeze({ encrypted: true, key, ...(name !== undefined && { name }) })
}
